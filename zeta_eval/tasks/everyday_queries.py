"""The queries of the task `everyday`: short requests in thirteen languages, each with the answers that are right.

A line holds a request and, after the bar, what a right answer mentions, between semicolons: any of it will do.
"""

QUERIES: dict[str, str] = {
    "en": """
Hi! | hello ; hi ; hey ; welcome ; good to see you
Good morning! | good morning ; morning ; hello
Hey, how's it going? | hello ; hi ; hey ; well ; good ; great ; fine
Thanks a lot, that helped. | welcome ; glad ; pleasure ; happy to help ; no problem ; anytime
Bye, talk to you tomorrow. | bye ; goodbye ; see you ; take care ; tomorrow ; have a
Good night! | good night ; night ; sleep well ; sweet dreams
It's my birthday today! | happy birthday ; birthday ; congratulations
I'm feeling a bit tired today. | sorry to hear ; rest ; tired ; sleep ; break
Can you hear me? | yes ; read ; text ; here
Please wish me luck for tomorrow's interview. | good luck ; luck ; best of luck ; do great
What is the capital of Norway? | Oslo
Which planet is closest to the Sun? | Mercury
Who wrote the play "Hamlet"? | Shakespeare
How many legs does an insect have? | 6 ; six
What colour are ripe bananas? | yellow
In which continent does Kenya lie? | Africa
What is the chemical formula of water? | H2O ; H₂O
How many minutes are in two hours? | 120
On which day of the week does Sunday's next day fall? | Monday
What gas do plants take in from the air to grow? | carbon dioxide ; CO2 ; CO₂
Which ocean lies between Europe and America? | Atlantic
How many sides does a hexagon have? | 6 ; six
What is the first month of the year? | January
Which animal says "moo"? | cow ; cattle
What is frozen water called? | ice
What is 3 + 4? | 7 ; seven
What is 9 times 6? | 54
What is half of 90? | 45
What is 10 percent of 250? | 25
Is 15 an even number? Answer yes or no. | no
Is 11 a prime number? Answer yes or no. | yes
Which is larger, 0.5 or 0.25? | 0.5 ; .5
Convert 3 kilometres to metres. | 3000
How many centimetres are in 2.5 metres? | 250
Convert 4 feet to inches. | 48
How many grams are in 1.5 kilograms? | 1500
How many seconds are in five minutes? | 300
What is 0 degrees Celsius in degrees Fahrenheit? | 32
Write the number seventeen in digits. | 17
Write the year 2024 in Roman numerals. | MMXXIV
Correct the spelling of this word: accomodate | accommodate
Correct the spelling of this word: definately | definitely
Fix the spelling: I beleive you. | I believe you
Fix the grammar: She have two cats. | She has two cats
What is the plural of "child"? | children
What is the past tense of "go"? | went
What is the opposite of "cheap"? | expensive ; costly ; dear ; pricey
Give one synonym for "big". | large ; huge ; great ; enormous ; sizeable ; massive ; vast ; gigantic
Translate "thank you" into French. | merci
Translate "good night" into German. | gute Nacht
Translate "the house" into Spanish. | la casa
Translate "water" into Italian. | acqua
Extract the year from this sentence: The bridge was opened in 1937 by the mayor. | 1937
Extract the email address: Write to office@lakeside.example before noon. | office@lakeside.example
Which city is named here? "After the storm the ferry docked in Bergen." | Bergen
Who is the sender? "See you on Friday, best wishes, Marta" | Marta
Is this review positive or negative? "Lovely staff, clean rooms, we will come back." | positive
Is this review positive or negative? "The food was cold and nobody apologised." | negative
Is this message spam or not? "You won!!! Send us your bank PIN to get your prize." Answer spam or no. | spam
Put these words in alphabetical order: plum, apple, grape | apple, grape, plum ; apple grape plum ; apple plum
Write this in capital letters: blue sky | BLUE SKY
How many letters does the word "window" have? | 6 ; six
Write a Python expression that gives the length of the list xs. | len(xs)
Write a Python one-liner that reverses the string s. | [::-1] ; reversed(s)
Write one line of JavaScript that prints "hi" to the console. | console.log("hi") ; console.log('hi') ; console.log(`hi`)
Write a SQL query for all rows of the table users. | select * from users
Which shell command lists the files of a folder? | ls ; dir
In Python, what is the value of 7 // 2? | 3
""",
    "de": """
Hallo! | hallo ; hi ; guten tag ; willkommen ; schön
Guten Morgen! | guten morgen ; morgen ; hallo
Vielen Dank für deine Hilfe! | gern ; gerne ; bitte ; kein problem ; freut mich
Tschüss, bis morgen! | tschüss ; bis morgen ; bis dann ; auf wiedersehen ; bis bald
Wie geht's dir? | gut ; danke ; bestens ; prima
Wie heißt die Hauptstadt von Schweden? | Stockholm
Welcher Fluss fließt durch Köln? | Rhein
Wie viele Tage hat eine Woche? | 7 ; sieben
Welche Farbe hat Gras? | grün
Wie nennt man ein junges Schaf? | Lamm
Was ist 8 mal 7? | 56
Wie viel ist die Hälfte von 64? | 32
Rechne 2 Stunden in Minuten um. | 120
Wie viele Meter sind 4 Kilometer? | 4000
Ist 9 eine gerade Zahl? Antworte mit ja oder nein. | nein
Was ist das Gegenteil von "laut"? | leise ; still ; ruhig
Wie lautet die Mehrzahl von "Apfel"? | Äpfel
Verbessere die Rechtschreibung: Fahrad | Fahrrad
Übersetze "guten Abend" ins Englische. | good evening
Übersetze "the dog" ins Deutsche. | der Hund
Nenne die Stadt in diesem Satz: Am Montag reiste Eva nach Graz. | Graz
Ist diese Bewertung positiv oder negativ? "Der Service war furchtbar." | negativ
""",
    "es": """
¡Hola! | hola ; buenas ; bienvenido ; qué tal
¡Buenos días! | buenos días ; hola ; buen día
Muchas gracias por tu ayuda. | de nada ; gusto ; placer ; no hay de qué
¡Adiós, hasta mañana! | adiós ; hasta mañana ; hasta luego ; hasta pronto ; nos vemos ; cuídate
¿Cómo estás hoy? | bien ; gracias ; genial ; excelente
¿Cuál es la capital de Chile? | Santiago
¿Cuántos días tiene una semana? | 7 ; siete
¿De qué color es la nieve? | blanca ; blanco
¿En qué continente está Egipto? | África
¿Cómo se llama la cría de la vaca? | ternero ; becerro ; ternera
¿Cuánto es 6 por 9? | 54
¿Cuánto es la mitad de 48? | 24
Convierte 5 kilómetros a metros. | 5000
¿Cuántos segundos hay en 2 minutos? | 120
¿Es 10 un número par? Responde sí o no. | sí
¿Cuál es el contrario de "alto"? | bajo
¿Cuál es el plural de "lápiz"? | lápices
Corrige la ortografía: caveza | cabeza
Traduce "buenas tardes" al inglés. | good afternoon ; good evening
Traduce "the book" al español. | el libro
¿Qué ciudad se nombra aquí? "Luis viajó en tren a Bilbao." | Bilbao
¿Es positiva o negativa esta opinión? "El hotel era precioso y muy limpio." | positiva ; positivo
""",
    "fr": """
Bonjour ! | bonjour ; salut ; bienvenue
Salut, ça va ? | bien ; salut ; bonjour ; ça va
Merci beaucoup ! | de rien ; plaisir ; je vous en prie ; je t'en prie ; avec plaisir
Au revoir, à demain ! | au revoir ; à demain ; à bientôt ; bonne journée ; bonne soirée
Bonne nuit ! | bonne nuit ; dors bien ; dormez bien ; beaux rêves
Quelle est la capitale de la Belgique ? | Bruxelles
Combien de jours y a-t-il dans une semaine ? | 7 ; sept
De quelle couleur est le ciel par beau temps ? | bleu ; bleue
Quel animal donne de la laine ? | mouton ; brebis
Sur quel continent se trouve le Brésil ? | Amérique
Combien font 7 fois 8 ? | 56
Quelle est la moitié de 70 ? | 35
Convertis 3 heures en minutes. | 180
Combien de mètres font 2 kilomètres ? | 2000
Le nombre 7 est-il pair ? Réponds par oui ou non. | non
Quel est le contraire de « chaud » ? | froid
Quel est le pluriel de « cheval » ? | chevaux
Corrige l'orthographe : bonjoure | bonjour
Traduis « bonne chance » en anglais. | good luck
Traduis "the cat" en français. | le chat ; la chatte
Quelle ville est nommée ici ? « Paul habite à Nantes depuis mars. » | Nantes
Cet avis est-il positif ou négatif ? « Très déçu, rien ne marchait. » | négatif
""",
    "pt": """
Olá! | olá ; oi ; bem-vindo
Bom dia! | bom dia ; olá ; oi
Muito obrigado pela ajuda! | de nada ; prazer ; disponha ; por nada ; imagina
Tchau, até amanhã! | tchau ; até amanhã ; até logo ; até breve ; adeus
Qual é a capital da Argentina? | Buenos Aires
Quantos dias tem uma semana? | 7 ; sete
De que cor é o leite? | branco ; branca
Em que continente fica Angola? | África
Quanto é 9 vezes 8? | 72
Quanto é a metade de 36? | 18
Converta 2 quilômetros em metros. | 2000
Quantos minutos tem uma hora e meia? | 90
O número 12 é par? Responda sim ou não. | sim
Qual é o contrário de "rápido"? | lento ; devagar ; vagaroso
Qual é o plural de "pão"? | pães
Corrija a ortografia: caxorro | cachorro
Traduza "boa sorte" para o inglês. | good luck
Traduza "the door" para o português. | a porta
Que cidade é mencionada aqui? "Ana mudou-se para Recife em maio." | Recife
Esta avaliação é positiva ou negativa? "Péssimo atendimento, não volto." | negativa ; negativo
""",
    "it": """
Ciao! | ciao ; salve ; buongiorno ; benvenuto
Buongiorno! | buongiorno ; ciao ; salve
Grazie mille! | prego ; figurati ; piacere ; di nulla ; di niente
Arrivederci, a domani! | arrivederci ; a domani ; a presto ; ciao ; buona giornata
Qual è la capitale della Grecia? | Atene
Quanti giorni ha una settimana? | 7 ; sette
Di che colore è il carbone? | nero
In quale continente si trova il Giappone? | Asia
Quanto fa 6 per 7? | 42
Qual è la metà di 82? | 41
Converti 4 ore in minuti. | 240
Quanti metri sono 6 chilometri? | 6000
Il numero 5 è pari? Rispondi sì o no. | no
Qual è il contrario di "vuoto"? | pieno ; piena
Qual è il plurale di "uovo"? | uova
Correggi l'ortografia: aqua | acqua
Traduci "buon viaggio" in inglese. | have a good trip ; good trip ; safe travels ; have a nice trip ; bon voyage ; good journey
Traduci "the bread" in italiano. | il pane
Quale città è nominata qui? "Luca lavora a Torino da aprile." | Torino
Questa recensione è positiva o negativa? "Cibo ottimo e personale gentile." | positiva ; positivo
""",
    "ru": """
Привет! | привет ; здравствуй ; здравствуйте ; добрый
Доброе утро! | доброе утро ; доброе ; привет ; здравствуйте
Спасибо большое! | пожалуйста ; не за что ; рад ; рада ; всегда
До свидания, до завтра! | до свидания ; до завтра ; пока ; до встречи ; увидимся
Как дела? | хорошо ; отлично ; нормально ; прекрасно
Какая столица Польши? | Варшава
Сколько дней в неделе? | 7 ; семь
Какого цвета снег? | белый ; белого
На каком континенте находится Нигерия? | Африка ; Африке
Как называется детёныш коровы? | телёнок
Сколько будет 8 умножить на 9? | 72
Сколько будет половина от 54? | 27
Сколько минут в трёх часах? | 180
Сколько метров в 7 километрах? | 7000
Число 14 чётное? Ответь да или нет. | да
Какое слово противоположно слову «день»? | ночь
Какое множественное число у слова «стол»? | столы
Исправь ошибку: карова | корова
Переведи «добрый вечер» на английский. | good evening
Переведи "the window" на русский. | окно
Какой город назван здесь? «Во вторник Олег прилетел в Казань.» | Казань
Это отзыв положительный или отрицательный? «Ужасное качество, не советую.» | отрицательный
""",
    "zh": """
你好！ | 你好 ; 您好 ; 嗨 ; 很高兴
早上好！ | 早上好 ; 早安 ; 早 ; 你好
非常感谢你的帮助！ | 不客气 ; 不用谢 ; 很高兴 ; 没关系
再见，明天见！ | 再见 ; 明天见 ; 拜拜 ; 回见
你今天怎么样？ | 很好 ; 不错 ; 谢谢
泰国的首都是哪里？ | 曼谷
一个星期有几天？ | 7 ; 七
天空晴朗时是什么颜色？ | 蓝
埃及在哪个洲？ | 非洲
月亮绕着哪个星球转？ | 地球
6乘以8等于多少？ | 48 ; 四十八
90的一半是多少？ | 45 ; 四十五
3小时等于多少分钟？ | 180
5公里等于多少米？ | 5000
7是偶数吗？请回答是或不是。 | 不是
“大”的反义词是什么？ | 小
改正错别字：今天天汽很好 | 今天天气很好 ; 天气
把“谢谢”翻译成英文。 | thank you ; thanks
把“good morning”翻译成中文。 | 早上好 ; 早安 ; 早晨好
下面这句话里提到了哪个城市？“小李上周去了成都。” | 成都
这条评论是正面的还是负面的？“服务太差了，再也不来。” | 负面
写一行Python代码，输出列表xs的长度。 | len(xs)
""",
    "ja": """
こんにちは！ | こんにちは ; やあ ; ようこそ
おはようございます！ | おはよう
ありがとうございます！ | どういたしまして ; よかった ; こちらこそ ; お役に立て
さようなら、また明日！ | さようなら ; また明日 ; またね ; また
お元気ですか？ | 元気 ; ありがとう
韓国の首都はどこですか？ | ソウル
一週間は何日ですか？ | 7 ; 七 ; ７
晴れた空は何色ですか？ | 青
エジプトはどの大陸にありますか？ | アフリカ
日本で一番高い山は何ですか？ | 富士山
7かける9はいくつですか？ | 63
80の半分はいくつですか？ | 40
2時間は何分ですか？ | 120
3キロメートルは何メートルですか？ | 3000
8は偶数ですか？「はい」か「いいえ」で答えてください。 | はい
「高い」の反対の言葉は何ですか？ | 低い ; 安い
「犬」の読み方をひらがなで書いてください。 | いぬ
「おやすみなさい」を英語に訳してください。 | good night
"cat"を日本語に訳してください。 | 猫 ; ねこ ; ネコ
次の文に出てくる都市の名前は？「田中さんは札幌に住んでいます。」 | 札幌
この感想は肯定的ですか、否定的ですか？「とてもおいしくて大満足です。」 | 肯定
""",
    "ko": """
안녕하세요! | 안녕
정말 감사합니다! | 천만에 ; 별말씀 ; 도움이 ; 기쁩 ; 다행
안녕히 계세요, 내일 봐요! | 안녕 ; 내일 ; 또 봐
오늘 기분이 어때요? | 좋 ; 감사 ; 괜찮
중국의 수도는 어디인가요? | 베이징 ; 북경
일주일은 며칠인가요? | 7 ; 일곱 ; 칠
눈은 무슨 색인가요? | 흰 ; 하얀 ; 하얗 ; 백색
케냐는 어느 대륙에 있나요? | 아프리카
8 곱하기 6은 얼마인가요? | 48
60의 절반은 얼마인가요? | 30
2시간은 몇 분인가요? | 120
4킬로미터는 몇 미터인가요? | 4000
9는 짝수인가요? 예 또는 아니요로 답하세요. | 아니요 ; 아니오
"크다"의 반대말은 무엇인가요? | 작다
"고맙습니다"를 영어로 번역해 줘. | thank you ; thanks
"book"을 한국어로 번역해 줘. | 책
다음 문장에 나오는 도시는? "민수는 어제 부산에 갔다." | 부산
이 후기는 긍정인가요, 부정인가요? "직원이 친절하고 음식이 맛있어요." | 긍정
""",
    "ar": """
مرحبا! | مرحبا ; أهلا ; السلام
صباح الخير! | صباح النور ; صباح الخير ; صباح
شكرا جزيلا! | عفوا ; الرحب ; العفو ; سعيد
إلى اللقاء، أراك غدا! | إلى اللقاء ; مع السلامة ; غدا ; وداعا
كيف حالك؟ | بخير ; الحمد ; جيد
ما هي عاصمة المغرب؟ | الرباط
كم يوما في الأسبوع؟ | 7 ; سبعة
ما لون الثلج؟ | أبيض
في أي قارة تقع الهند؟ | آسيا
ما اسم صغير البقرة؟ | عجل
كم يساوي 7 ضرب 6؟ | 42
ما نصف العدد 50؟ | 25
كم دقيقة في ساعتين؟ | 120
كم مترا في 3 كيلومترات؟ | 3000
هل العدد 8 زوجي؟ أجب بنعم أو لا. | نعم
ما عكس كلمة "طويل"؟ | قصير
ما جمع كلمة "كتاب"؟ | كتب
ترجم "مساء الخير" إلى الإنجليزية. | good evening
ترجم "the sun" إلى العربية. | الشمس
ما المدينة المذكورة هنا؟ "سافر أحمد إلى دمشق يوم الأحد." | دمشق
""",
    "hi": """
नमस्ते! | नमस्ते ; नमस्कार ; स्वागत
सुप्रभात! | सुप्रभात ; नमस्ते ; शुभ
बहुत धन्यवाद! | स्वागत ; कोई बात नहीं ; खुशी ; ख़ुशी
अलविदा, कल मिलेंगे! | अलविदा ; मिलेंगे ; कल
आप कैसे हैं? | ठीक ; अच्छा ; अच्छी ; बढ़िया
नेपाल की राजधानी क्या है? | काठमांडू ; काठमाण्डू
एक सप्ताह में कितने दिन होते हैं? | 7 ; सात
दूध का रंग कैसा होता है? | सफेद ; सफ़ेद
मिस्र किस महाद्वीप में है? | अफ्रीका ; अफ़्रीका
गाय के बच्चे को क्या कहते हैं? | बछड़ा ; बछड़े ; बछिया
6 गुणा 9 कितना होता है? | 54
70 का आधा कितना है? | 35
दो घंटे में कितने मिनट होते हैं? | 120
5 किलोमीटर में कितने मीटर होते हैं? | 5000
क्या 7 सम संख्या है? हाँ या नहीं में उत्तर दो। | नहीं
"दिन" का विलोम शब्द क्या है? | रात
"शुभ संध्या" का अंग्रेज़ी में अनुवाद करो। | good evening
"water" का हिंदी में अनुवाद करो। | पानी ; जल
इस वाक्य में किस शहर का नाम है? "राम कल जयपुर गया।" | जयपुर
""",
    "tr": """
Merhaba! | merhaba ; selam ; hoş geldin
Günaydın! | günaydın ; merhaba
Çok teşekkür ederim! | rica ederim ; bir şey değil ; ne demek
Hoşça kal, yarın görüşürüz! | hoşça kal ; görüşürüz ; güle güle ; yarın
Fransa'nın başkenti neresidir? | Paris
Bir haftada kaç gün vardır? | 7 ; yedi
Kar ne renktir? | beyaz
Japonya hangi kıtadadır? | Asya
7 kere 7 kaç eder? | 49
84'ün yarısı kaçtır? | 42
3 saat kaç dakikadır? | 180
2 kilometre kaç metredir? | 2000
13 çift sayı mıdır? Evet ya da hayır diye cevap ver. | hayır
"Sıcak" kelimesinin zıt anlamlısı nedir? | soğuk
"Teşekkürler" kelimesini İngilizceye çevir. | thanks ; thank you
"the house" ifadesini Türkçeye çevir. | ev
Bu cümlede hangi şehir geçiyor? "Ayşe dün İzmir'e gitti." | İzmir
Bu yorum olumlu mu olumsuz mu? "Yemekler çok güzeldi, yine geleceğiz." | olumlu
""",
}
"""By language (ISO 639-1), a request and its accepted answers a line."""
