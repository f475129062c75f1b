"""Cue words by language: what the words of a query ask for. One table, plain data.

Latin words stand without accents and count as whole words. Words of other scripts with spaces count as beginnings of
words, since these languages bend their endings. Words of scripts without spaces (Chinese, Japanese, Thai) count
anywhere; single characters count at the beginning of a run only, since elsewhere they are parts of other words.
"""

CUES = (
    "addition",
    "subtraction",
    "multiplication",
    "division",
    "comparison",
    "ordering",
    "counting",
    "reversal",
    "copying",
    "stepwise",
    "reasoning",
    "mathematics",
    "science",
    "society",
    "code",
    "condition",
    "negation",
    "quantity",
    "recall",
    "writing",
    "proof",
    "analysis",
    "editing",
    "courtesy",
    "variables",
)
"""Names of the cues: kinds of work, fields of knowledge, and turns of speech."""

LANGUAGES: dict[str, dict[str, str]] = {
    "en": {
        "addition": "add plus sum total altogether combined more increase",
        "subtraction": "subtract minus difference lose left remain remaining fewer less decrease take away",
        "multiplication": "multiply times product each per every twice double triple squared",
        "division": "divide divided quotient ratio split half share average mean",
        "comparison": "larger largest smaller smallest greater greatest maximum minimum bigger compare highest "
        "lowest better",
        "ordering": "sort sorted order ordered rank arrange alphabet alphabetical ascending descending",
        "counting": "count often many number frequency occurrences",
        "reversal": "reverse reversed backwards backward around inverse end",
        "copying": "copy repeat again read same quote verbatim",
        "stepwise": "step steps then next finally first second third right go work start sequence",
        "reasoning": "why explain show argue reason because therefore imply implies infer conclude whence thus hence",
        "mathematics": "integral matrix function equation polynomial probability derivative vector prime integer "
        "triangle angle circle root sqrt frac modulo remainder divisible variable solve calculate compute value "
        "digit eigenvalue eigenvalues eigenvector determinant group subgroup ring ideal finite infinite infinitely "
        "manifold topology compact continuous convergent converge converges convergence bounded isomorphic "
        "homomorphism abelian commutative expectation expected variance random markov stochastic martingale "
        "integrate differentiate differential asymptotic series limit kernel operator hilbert banach metric convex "
        "eigenspace bijection permutation combinatorial coin dice tossed rolled sphere laplace fourier inequality "
        "recurrence topological spectral adjacency galois rationals reals lattice tensor jacobian hessian gradient "
        "orthogonal contour residue vertices vertex cohomology homology nilpotent invertible measurable lebesgue "
        "injective surjective bijective cardinality countable uncountable divisor gcd congruence modular binomial "
        "conditioning mapping endomorphism automorphism conjugacy",
        "science": "energy force mass velocity acceleration temperature pressure molecule acid electron protein cell "
        "gene enzyme reaction atom wave current voltage entropy orbit species charge charged potential magnetic "
        "electric field quantum hamiltonian photon relativistic thermodynamic equilibrium viscosity laminar radius "
        "density momentum torque angular friction oscillator conductor dielectric isotope kinetics uniformly "
        "inductor capacitor adiabatic reservoir reservoirs perturbation precession lagrangian",
        "society": "law court contract plaintiff defendant market price demand economy tax policy government war "
        "treaty philosophy ethics moral company management consumer clause liability indemnify jurisdiction "
        "fiduciary gdpr merger antitrust",
        "code": "def return print class import python javascript java sql code program algorithm array string loop "
        "bug compile regex implement thread threads async api database schema query queue cache recursion recursive "
        "rust kotlin typescript",
        "condition": "if unless suppose assume given when whether provided otherwise except let arbitrary",
        "negation": "not no never none neither nor cannot without false incorrect",
        "quantity": "percent percentage dollars cost hours minutes days weeks years miles meters km kg pounds coins "
        "boxes",
        "recall": "who where capital define name called known list which",
        "writing": "write essay story poem summarize summarise email letter paragraph",
        "proof": "prove proves proof derive derivation justify deduce disprove refute rigorous rigorously lemma "
        "corollary theorem conjecture necessary sufficient counterexample iff induction contradiction",
        "analysis": "analyze analyse analysis evaluate design architecture tradeoff tradeoffs assess critique "
        "optimise optimize bottleneck scalable distributed concurrency latency throughput consensus fault replicated "
        "liabilities implications strategy framework complexity consistency compiler lexer parser interpreter "
        "inference concurrent mutex deadlock lockfree linearizable scheduler allocator confounders hypothesis "
        "propose estimate risk",
        "editing": "translate translation rewrite convert spelling spell grammar typo correct fix extract bulleted "
        "bullet uppercase lowercase capitalise capitalize format turn sentiment classify label synonym antonym "
        "opposite plural rephrase shorten",
        "courtesy": "hi hello hey thanks thank bye goodbye yes ok okay sorry welcome morning evening night cheers "
        "please nice",
        "variables": "b f g h k n p q r v w z",
    },
    "es": {
        "addition": "suma sumar sume sumado total",
        "subtraction": "resta restar reste menos diferencia quedan",
        "multiplication": "multiplica multiplicar multiplique multiplicado veces producto cada doble triple",
        "division": "divide dividir divida dividido cociente mitad promedio media",
        "comparison": "mayor menor compara comparar compare comparacion",
        "ordering": "ordena ordenar ordene orden alfabetico ascendente descendente",
        "counting": "cuenta contar cuente cuantos cuantas cuanto numero",
        "reversal": "invierte invertir reves",
        "copying": "copia copiar repite repetir repita",
        "stepwise": "paso pasos luego despues primero segundo finalmente secuencia",
        "reasoning": "porque explica explicar explique explicame razona razonamiento muestra muestre tanto implica",
        "mathematics": "integral matriz funcion ecuacion polinomio probabilidad derivada vector primo primos entero "
        "raiz resuelve resolver resuelva calcula calcular calcule valor autovalores valores propios determinante "
        "grupo anillo finito infinito infinitos converge convergencia esperanza varianza aleatoria moneda dado serie "
        "limite inecuacion desigualdad continua intervalo compacto convexa acotada espacio",
        "science": "energia fuerza masa velocidad aceleracion temperatura presion molecula electron proteina celula "
        "gen reaccion atomo onda voltaje entropia carga esfera radio campo cuantico cuantica potencial magnetico",
        "society": "ley contrato mercado precio economia impuesto gobierno guerra filosofia etica empresa",
        "code": "programa codigo algoritmo clase bucle cadena implementa implementar implemente",
        "condition": "si supongamos suponga supon cuando sea sean",
        "negation": "nunca ninguno ninguna ningun sin falso",
        "quantity": "ciento porcentaje euros horas minutos dias semanas anos kilometros metros",
        "recall": "quien donde capital nombra nombre define cual",
        "writing": "escribe escribir escriba redacta ensayo cuento poema resume resumir correo carta",
        "proof": "demuestra demostrar demuestre demostracion prueba pruebe deduce deducir deriva justifica "
        "justifique teorema lema induccion contraejemplo suficiente necesaria absurdo",
        "analysis": "analiza analizar analice analisis evalua evaluar evalue disena disenar disene diseno "
        "arquitectura optimiza distribuido concurrencia consistencia consecuencias implicaciones estrategia fallos "
        "fallo",
        "editing": "traduce traducir traduzca corrige corregir convierte convertir extrae extraer ortografia "
        "clasifica sinonimo antonimo plural mayusculas sentimiento",
        "courtesy": "hola gracias adios buenos buenas favor perdon vale chao saludos tal",
    },
    "fr": {
        "addition": "somme additionne additionner ajoute total",
        "subtraction": "soustrais soustraire moins difference reste",
        "multiplication": "multiplie multiplier fois produit chaque double",
        "division": "divise diviser quotient moitie moyenne",
        "comparison": "grand petit compare comparer comparez maximum",
        "ordering": "trie trier triez ordre alphabetique croissant decroissant",
        "counting": "compte compter combien nombre",
        "reversal": "inverse inverser envers",
        "copying": "copie copier repete repeter",
        "stepwise": "etape etapes puis ensuite enfin premier deuxieme",
        "reasoning": "pourquoi explique expliquer expliquez raisonnement donc implique montre montrer montrez",
        "mathematics": "integrale matrice fonction equation polynome probabilite derivee vecteur premiers entier "
        "racine resous resoudre resolvez calcule calculer calculez valeur valeurs propres determinant groupe anneau "
        "fini infini infinite converge convergence esperance variance aleatoire piece serie limite inegalite "
        "continue intervalle compact resoluble convexe bornee application",
        "science": "energie force masse vitesse acceleration temperature pression molecule electron proteine cellule "
        "gene reaction atome onde tension entropie charge sphere rayon champ quantique potentiel magnetique",
        "society": "loi contrat marche prix economie impot gouvernement guerre philosophie ethique entreprise",
        "code": "programme algorithme classe boucle chaine implemente implementer",
        "condition": "si supposons suppose quand soit soient donne",
        "negation": "pas jamais aucun aucune sans faux",
        "quantity": "pourcentage euros heures minutes jours semaines ans kilometres metres",
        "recall": "qui capitale nomme definis quel quelle cite",
        "writing": "ecris ecrire ecrivez redige redigez essai histoire poeme resume resumer lettre courriel",
        "proof": "demontre demontrer demontrez demonstration prouve prouver prouvez preuve deduis deduire justifie "
        "justifiez theoreme lemme recurrence absurde suffisante necessaire",
        "analysis": "analyse analyser analysez evalue evaluer evaluez concois concevoir concevez conception "
        "architecture optimise distribue coherence consequences strategie pannes defaillance defaillances repliquee",
        "editing": "traduis traduire traduisez corrige corriger convertis convertir extrais extraire orthographe "
        "synonyme contraire pluriel majuscules sentiment",
        "courtesy": "bonjour salut merci bonsoir oui pardon coucou plait bientot revoir",
    },
    "de": {
        "addition": "addiere addieren summe plus insgesamt zusammen",
        "subtraction": "subtrahiere subtrahieren minus differenz weniger",
        "multiplication": "multipliziere multiplizieren mal produkt jeder jede doppelt",
        "division": "dividiere dividieren geteilt quotient halfte durchschnitt mittelwert",
        "comparison": "grosser grosste kleiner kleinste vergleiche vergleichen maximum",
        "ordering": "sortiere sortieren ordne reihenfolge alphabetisch aufsteigend absteigend",
        "counting": "zahle zahlen viele anzahl zahl oft",
        "reversal": "umgekehrt ruckwarts umdrehen",
        "copying": "kopiere kopieren wiederhole wiederholen",
        "stepwise": "schritt schritte dann danach zuerst schliesslich zweitens",
        "reasoning": "warum wieso erklare erklaren begrunde begrunden deshalb daher folgt weil zeige zeigen",
        "mathematics": "integral matrix funktion gleichung polynom wahrscheinlichkeit ableitung vektor primzahl "
        "primzahlen ganze wurzel lose losen berechne berechnen wert eigenwerte eigenwert determinante gruppe ring "
        "endliche endlich unendlich konvergiert konvergenz erwartungswert varianz zufallig munze wurfel reihe "
        "grenzwert ungleichung untergruppe stetig stetige stetigen kompakt kompakten intervall beschrankt vektorraum "
        "abbildung",
        "science": "energie kraft masse geschwindigkeit beschleunigung temperatur druck molekul elektron protein "
        "zelle gen reaktion atom welle spannung entropie ladung kugel radius feld quanten potential magnetfeld",
        "society": "gesetz vertrag markt preis wirtschaft steuer regierung krieg philosophie ethik unternehmen",
        "code": "programm programmiere algorithmus klasse schleife zeichenkette implementiere implementieren",
        "condition": "wenn falls angenommen sei seien gegeben sofern ob",
        "negation": "nicht kein keine nie niemals ohne falsch",
        "quantity": "prozent euro stunden minuten tage wochen jahre kilometer meter",
        "recall": "wer wo hauptstadt nenne definiere welche heisst",
        "writing": "schreibe schreib aufsatz geschichte gedicht zusammenfassung brief",
        "proof": "beweise beweisen beweis leite herleiten herleitung folgere satz lemma induktion widerspruch "
        "gegenbeispiel notwendig hinreichend widerlege",
        "analysis": "analysiere analysieren analyse bewerte bewerten entwirf entwerfen entwurf architektur optimiere "
        "verteilt verteilten verteiltes nebenlaufigkeit konsistenz folgen strategie ausfall ausfalle fehlerfalle",
        "editing": "ubersetze ubersetzen korrigiere korrigieren wandle umrechnen rechne extrahiere rechtschreibung "
        "klassifiziere synonym gegenteil mehrzahl stimmung",
        "courtesy": "hallo danke guten tschuss bitte ja servus moin entschuldigung gruss grusse geht",
    },
    "pt": {
        "addition": "soma somar some total mais",
        "subtraction": "subtraia subtrair menos diferenca restam",
        "multiplication": "multiplique multiplicar vezes produto cada dobro",
        "division": "divida dividir dividido quociente metade media",
        "comparison": "maior menor compare comparar",
        "ordering": "ordene ordenar ordem alfabetica crescente decrescente",
        "counting": "conte contar quantos quantas quanto numero",
        "reversal": "inverta inverter",
        "copying": "copie copiar repita repetir",
        "stepwise": "passo passos depois primeiro segundo finalmente",
        "reasoning": "porque explique explicar raciocinio portanto logo mostre mostrar implica",
        "mathematics": "integral matriz funcao equacao polinomio probabilidade derivada vetor primo primos inteiro "
        "raiz resolva resolver calcule calcular valor autovalores determinante grupo anel finito infinitos infinito "
        "converge convergencia esperanca esperado variancia aleatoria moeda serie limite desigualdade continua "
        "intervalo compacto convexa limitada",
        "science": "energia forca massa velocidade aceleracao temperatura pressao molecula eletron proteina celula "
        "gene reacao atomo onda tensao entropia carga esfera raio campo quantico quantica potencial magnetico",
        "society": "lei contrato mercado preco economia imposto governo guerra filosofia etica empresa",
        "code": "programa codigo algoritmo classe laco implemente implementar",
        "condition": "suponha supondo quando seja sejam dado",
        "negation": "nao nunca nenhum nenhuma sem falso",
        "quantity": "porcentagem reais horas minutos dias semanas anos quilometros metros",
        "recall": "quem onde capital nomeie defina qual",
        "writing": "escreva escrever redija ensaio historia poema resuma resumir carta",
        "proof": "prove provar demonstre demonstrar demonstracao prova deduza deduzir justifique teorema lema "
        "inducao contraexemplo suficiente absurdo",
        "analysis": "analise analisar avalie avaliar projete projetar arquitetura otimize distribuido consistencia "
        "consequencias estrategia falhas falha",
        "editing": "traduza traduzir corrija corrigir converta converter extraia extrair ortografia classifique "
        "sinonimo antonimo plural sentimento",
        "courtesy": "ola oi obrigado obrigada adeus bom boa tchau sim desculpe tudo valeu",
    },
    "it": {
        "addition": "somma sommare totale piu",
        "subtraction": "sottrai sottrarre meno differenza",
        "multiplication": "moltiplica moltiplicare volte prodotto ogni doppio",
        "division": "dividi dividere diviso quoziente meta media",
        "comparison": "maggiore minore confronta confrontare",
        "ordering": "ordina ordinare ordine alfabetico crescente",
        "counting": "conta contare quanti quante quanto numero",
        "copying": "copia copiare ripeti",
        "stepwise": "passo passi poi dopo primo secondo infine",
        "reasoning": "perche spiega spiegare ragionamento quindi dunque mostra mostrare",
        "mathematics": "integrale matrice funzione equazione polinomio probabilita derivata vettore primi intero "
        "radice risolvi risolvere calcola calcolare valore autovalori determinante gruppo anello finito infiniti "
        "converge convergenza atteso varianza casuale moneta limite disuguaglianza continua intervallo compatto "
        "convessa limitata",
        "science": "energia forza massa velocita accelerazione temperatura pressione molecola elettrone proteina "
        "cellula reazione atomo onda tensione entropia carica sfera raggio campo quantistica potenziale",
        "code": "programma codice algoritmo classe ciclo implementa implementare",
        "condition": "supponiamo supponi quando sia siano dato",
        "negation": "mai nessuno nessuna senza falso",
        "quantity": "percentuale euro ore minuti giorni settimane anni chilometri metri",
        "recall": "chi dove capitale nomina definisci quale elenca",
        "writing": "scrivi scrivere saggio storia poesia riassumi lettera",
        "proof": "dimostra dimostrare dimostri dimostrazione prova deduci giustifica teorema lemma induzione "
        "controesempio assurdo",
        "analysis": "analizza analizzare analisi valuta valutare progetta progettare architettura ottimizza "
        "distribuito conseguenze strategia guasti guasto",
        "editing": "traduci tradurre correggi correggere converti convertire estrai ortografia classifica sinonimo "
        "contrario plurale",
        "courtesy": "ciao grazie buongiorno buonasera prego scusa arrivederci salve",
    },
    "tr": {
        "addition": "topla toplam arti",
        "subtraction": "cikar eksi fark",
        "multiplication": "carp carpi kere carpim",
        "division": "bol bolu ortalama yarisi",
        "comparison": "buyuk kucuk karsilastir",
        "ordering": "sirala sira alfabetik",
        "counting": "say kac sayi",
        "stepwise": "adim sonra once nihayet",
        "reasoning": "neden niye acikla aciklayin cunku dolayisiyla goster gosterin",
        "mathematics": "integral matris fonksiyon denklem polinom olasilik turev vektor asal tam kok coz cozun "
        "hesapla hesaplayin deger ozdeger ozdegerlerini grup halka sonlu sonsuz yakinsak beklenen varyans rastgele "
        "limit esitsizlik",
        "science": "enerji kuvvet kutle hiz ivme sicaklik basinc molekul elektron protein hucre gen tepkime dalga "
        "gerilim entropi yuk kure yaricap alan kuantum",
        "code": "kod algoritma sinif dongu dizi",
        "condition": "eger varsayalim olsun",
        "negation": "degil asla hic hicbir",
        "quantity": "yuzde saat dakika gun hafta yil kilometre metre",
        "recall": "kim nerede baskenti hangi nedir tanimla",
        "writing": "yaz yazin deneme hikaye siir ozetle mektup",
        "proof": "kanitla kanitlayin ispatla ispatlayin ispat kanit teorem tumevarim celiski",
        "analysis": "analiz degerlendir tasarla tasarlayin tasarim mimari dagitik strateji hata",
        "editing": "cevir cevirin duzelt donustur cikart yazim",
        "courtesy": "merhaba tesekkurler tesekkur selam gunaydin evet lutfen nasilsin hosca",
    },
    "ru": {
        "addition": "прибав сложи сумм плюс всего",
        "subtraction": "вычти вычест минус разност",
        "multiplication": "умнож произведени кажд вдвое",
        "division": "раздели делить частное половин средн",
        "comparison": "больше меньше наибольш наименьш сравни",
        "ordering": "сортир упорядоч порядк алфавит",
        "counting": "посчитай сосчита сколько числ",
        "reversal": "переверн наоборот задом",
        "copying": "скопир повтори",
        "stepwise": "шаг затем потом сначала наконец втор",
        "reasoning": "почему зачем объясн поэтому следовательно следует покаж рассужд",
        "mathematics": "интеграл матриц функци уравнени многочлен вероятност производн вектор прост цел корен реши "
        "решит вычисл рассчита значени собственн определител групп кольц подгрупп конечн бесконечн сходит сходим "
        "ожидани дисперси случайн монет ряд предел неравенств непрерывн отрезк ограничен компакт равномерно "
        "отображени",
        "science": "энерги сил масс скорост ускорени температур давлени молекул электрон белок клетк ген реакци атом "
        "волн напряжени энтропи заряд шар радиус поле квант потенциал магнит",
        "society": "закон договор рынок рынк цен экономик налог правительств войн философи этик компани",
        "code": "программ код алгоритм класс цикл строк реализу",
        "condition": "если предположим пусть когда дан",
        "negation": "не нет никогда никак без",
        "quantity": "процент рубл час минут дней недел лет километр метр",
        "recall": "кто где столиц назови определи какой какая",
        "writing": "напиши написать сочинени рассказ стих резюмир письмо",
        "proof": "докаж доказ вывед обоснуй обоснов теорем лемм индукци противореч контрпример опроверг",
        "analysis": "анализ проанализ оцени спроектир разработа архитектур оптимиз распредел согласованн последстви "
        "стратеги отказ",
        "editing": "переведи перевод исправ преобраз извлек орфограф синоним антоним тональност",
        "courtesy": "привет здравств спасибо пока добр свидани да пожалуйста извини",
    },
    "ar": {
        "addition": "اجمع مجموع زائد",
        "subtraction": "اطرح ناقص فرق",
        "multiplication": "اضرب ضرب مضروب جداء",
        "division": "اقسم قسمة مقسوم متوسط نصف",
        "comparison": "اكبر اصغر قارن مقارنة",
        "ordering": "رتب ترتيب",
        "counting": "كم عدد",
        "copying": "انسخ كرر",
        "stepwise": "خطوة خطوات ثم بعد اولا ثانيا اخيرا",
        "reasoning": "لماذا اشرح فسر لذلك وضح بين",
        "mathematics": "تكامل مصفوفة دالة معادلة متعددة احتمال مشتقة متجه اولي اعداد جذر حل احسب قيمة ذاتية محدد "
        "زمرة حلقة منتهية متناهي لانهائي متقارب متوقع تباين عشوائي عملة متسلسلة نهاية متباينة",
        "science": "طاقة قوة كتلة سرعة تسارع حرارة ضغط جزيء الكترون بروتين خلية جين تفاعل ذرة موجة جهد انتروبيا شحنة "
        "كرة مجال كمومي كمي",
        "society": "قانون عقد سوق سعر اقتصاد ضريبة حكومة حرب فلسفة اخلاق شركة",
        "code": "برنامج كود خوارزمية",
        "condition": "اذا افترض لتكن ليكن بفرض عندما",
        "negation": "لا ليس لم لن ابدا بدون",
        "quantity": "ساعة دقيقة يوم اسبوع سنة كيلومتر متر",
        "recall": "من اين عاصمة اذكر عرف",
        "writing": "اكتب مقال قصة قصيدة لخص رسالة",
        "proof": "اثبت برهن برهان اثبات استنتج نظرية استقراء تناقض",
        "analysis": "حلل تحليل قيم صمم تصميم بنية موزع استراتيجية اعطال فشل",
        "editing": "ترجم صحح حول استخرج املاء مرادف عكس",
        "courtesy": "مرحبا شكرا سلام اهلا صباح مساء نعم كيف حالك",
    },
    "hi": {
        "addition": "जोड़ कुल योग",
        "subtraction": "घटा अंतर बचे",
        "multiplication": "गुणा गुणन प्रत्येक",
        "division": "भाग विभाजित औसत आधा",
        "comparison": "बड़ा छोटा तुलना अधिकतम",
        "ordering": "क्रम वर्णानुक्रम",
        "counting": "गिन कितन संख्या",
        "copying": "दोहरा नकल",
        "stepwise": "चरण फिर पहले अंत",
        "reasoning": "क्यों समझा कारण इसलिए दिखा",
        "mathematics": "समाकल आव्यूह मैट्रिक्स फलन समीकरण बहुपद प्रायिकता अवकल सदिश अभाज्य पूर्णांक मूल हल गणना मान आइगेन सारणिक "
        "समूह वलय परिमित अनंत अभिसरण प्रत्याश अपेक्षित यादृच्छिक सिक्क श्रेणी सीमा असमिका विषम",
        "science": "ऊर्जा बल द्रव्यमान वेग त्वरण तापमान दाब अणु इलेक्ट्रॉन प्रोटीन कोशिका जीन अभिक्रिया परमाणु तरंग वोल्टेज एन्ट्रॉपी "
        "आवेश गोल त्रिज्या क्षेत्र क्वांटम",
        "society": "कानून अनुबंध बाज़ार कीमत अर्थव्यवस्था कर सरकार युद्ध दर्शन नैतिक कंपनी",
        "code": "प्रोग्राम कोड एल्गोरिथ्म फ़ंक्शन लूप",
        "condition": "यदि अगर माना जब",
        "negation": "नहीं न बिना कभी",
        "quantity": "प्रतिशत रुपये घंटे मिनट दिन सप्ताह वर्ष किलोमीटर मीटर",
        "recall": "कौन कहाँ राजधानी नाम परिभाषित",
        "writing": "लिख निबंध कहानी कविता सारांश पत्र",
        "proof": "सिद्ध प्रमाण साबित व्युत्पन्न प्रमेय आगमन विरोधाभास",
        "analysis": "विश्लेषण मूल्यांकन डिज़ाइन वास्तुकला अनुकूल वितरित रणनीति विफलता",
        "editing": "अनुवाद सुधार बदल निकाल वर्तनी पर्यायवाची विलोम",
        "courtesy": "नमस्ते धन्यवाद शुक्रिया अलविदा हाँ कैसे नमस्कार",
    },
    "ko": {
        "addition": "더하 더해 합계 합은",
        "subtraction": "빼기 빼면 차이",
        "multiplication": "곱하 곱해 곱은",
        "division": "나누 나눈 평균 절반",
        "comparison": "비교 최대 최소",
        "ordering": "정렬 순서",
        "counting": "세어 개수 몇",
        "stepwise": "단계 다음 먼저 마지막",
        "reasoning": "왜 설명 이유 따라서 보여 보이",
        "mathematics": "적분 행렬 함수 방정식 다항식 확률 미분 벡터 소수 정수 제곱근 풀어 계산 값을 고유값 고윳값 "
        "행렬식 군 환 유한 무한 수렴 기댓값 기대값 분산 무작위 동전 급수 극한 부등식 무리수",
        "science": "에너지 질량 속도 가속도 온도 압력 분자 전자 단백질 세포 유전자 반응 원자 파동 전압 엔트로피 전하 "
        "반지름 자기장 양자",
        "code": "프로그램 코드 알고리즘 클래스 구현",
        "condition": "만약 가정 경우",
        "negation": "아니 없는 않",
        "recall": "누가 누구 어디 수도 이름",
        "writing": "써줘 쓰세요 작성 에세이 이야기 요약 편지",
        "proof": "증명 유도하 정리를 정리 귀납 모순 반례",
        "analysis": "분석 평가 설계 아키텍처 최적화 전략 장애",
        "editing": "번역 고쳐 수정 변환 추출 맞춤법",
        "courtesy": "안녕 감사 고마 네 잘가 반가",
    },
    "zh": {
        "addition": "加 加上 相加 总和 总共 一共 求和",
        "subtraction": "减 减去 相减 差是 剩下 还剩",
        "multiplication": "乘 乘以 相乘 乘积 每个 两倍 平方",
        "division": "除 除以 平均 一半 商是",
        "comparison": "最大 最小 更大 比较 对比",
        "ordering": "排序 顺序 排列",
        "counting": "几 数一数 多少 几个 数量 个数",
        "reversal": "反转 倒序 倒过来",
        "copying": "复制 重复",
        "stepwise": "步骤 逐步 一步步 然后 接着 首先 其次 最后",
        "reasoning": "为什么 为何 解释 说明 因此 所以 推断 理由 原因 推理",
        "mathematics": "求 积分 矩阵 函数 方程 多项式 概率 导数 向量 质数 素数 整数 根号 解方程 计算 的值 特征值 "
        "行列式 群 子群 环 有限 无穷 无限 收敛 期望 方差 随机 硬币 级数 极限 不等式 无理数 奇数 偶数 连续 区间 有界 "
        "映射 矢量空间 线性 共轭",
        "science": "能量 质量 速度 加速度 温度 压强 压力 分子 电子 蛋白质 细胞 基因 反应 原子 波长 电压 电流 熵 电荷 "
        "球体 半径 磁场 电场 量子 势能",
        "society": "法律 合同 市场 价格 经济 税收 政府 战争 哲学 道德 公司",
        "code": "编程 程序 代码 算法 数组 字符串 循环 实现",
        "condition": "设 若 如果 假设 假定 给定 任意",
        "negation": "不是 没有 并非 不能",
        "quantity": "百分 小时 分钟 公里 千米 公斤 美元",
        "recall": "谁 哪里 首都 名字 叫什么 什么是 列出 哪个",
        "writing": "写一篇 写一个 作文 故事 诗 总结 概括 邮件",
        "proof": "证明 求证 推导 定理 引理 归纳法 矛盾 反例 充分 必要 严格",
        "analysis": "分析 评估 设计 架构 优化 分布式 一致性 权衡 并发 影响 策略 故障 失效",
        "editing": "翻译 改写 改正 纠正 转换 换算 提取 拼写 错别字 同义词 反义词 情感",
        "courtesy": "嗨 你好 您好 谢谢 感谢 再见 早上好 晚上好 好的 对不起",
    },
    "ja": {
        "addition": "足す 足して 足した 合計 和は",
        "subtraction": "引く 引いた 差は 残り",
        "multiplication": "掛け かけると 積は 倍の",
        "division": "割る 割った 平均 半分",
        "comparison": "比較 比べ 大きい 小さい",
        "ordering": "並べ替え 並べて 順に",
        "counting": "いくつ 数えて 何個 何回",
        "stepwise": "手順 順を追 次に まず 最後に",
        "reasoning": "なぜ どうして 説明 理由 示し 示せ したがって 推論",
        "mathematics": "積分 行列 関数 方程式 多項式 確率 微分 ベクトル 素数 整数 平方根 解け 解いて 計算 固有値 "
        "行列式 群 部分群 有限 無限 収束 期待値 分散 硬貨 コイン 級数 極限 不等式 無理数 求めよ 求めて 連続 区間 "
        "有界 写像 線形 空間",
        "science": "エネルギー 質量 速度 加速度 温度 圧力 分子 電子 タンパク質 細胞 遺伝子 原子 電圧 エントロピー "
        "電荷 半径 球 磁場 電場 量子",
        "society": "法律 契約 市場 価格 経済 政府 戦争 哲学 倫理",
        "code": "プログラム コード アルゴリズム 実装 クラス",
        "condition": "もし 仮定 とする とき 任意",
        "negation": "ない ません",
        "quantity": "時間 分間 メートル キロ 円",
        "recall": "誰 どこ 首都 名前 何ですか 挙げて",
        "writing": "作文 物語 詩を 要約 手紙 メール",
        "proof": "証明 導出 導け 定理 補題 帰納法 背理法 矛盾 反例",
        "analysis": "分析 解析 評価 設計 構成 最適化 戦略 障害 一貫性",
        "editing": "翻訳 訳して 直して 変換 抜き出 抽出 スペル 同義語 対義語",
        "courtesy": "こんにちは こんばんは おはよう ありがとう さようなら はい お願い すみません 元気",
    },
    "th": {
        "addition": "บวก รวม",
        "subtraction": "ลบ เหลือ",
        "multiplication": "คูณ",
        "division": "หาร เฉลี่ย",
        "counting": "กี่ เท่าไร นับ",
        "stepwise": "ขั้นตอน จากนั้น",
        "reasoning": "ทำไม อธิบาย เพราะ ดังนั้น",
        "mathematics": "คำนวณ สมการ เมทริกซ์ ความน่าจะเป็น จำนวนเฉพาะ จำนวนเต็ม ฟังก์ชัน อินทิกรัล",
        "code": "โปรแกรม โค้ด",
        "condition": "ถ้า สมมติ",
        "recall": "ใคร ที่ไหน เมืองหลวง",
        "writing": "เขียน เรียงความ สรุป",
        "proof": "พิสูจน์ ทฤษฎีบท",
        "analysis": "วิเคราะห์ ออกแบบ ประเมิน",
        "editing": "แปล แก้ไข แปลง",
        "courtesy": "สวัสดี ขอบคุณ ครับ",
    },
}
"""By language (ISO 639-1), the words of each cue between spaces. Earlier languages win where two share a word."""
