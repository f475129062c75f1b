"""Everyday prompts in many languages with what a practitioner would accept: our own wording."""

EASY = """\
hello there
Hey!
good evening
thank you so much
ok, got it
bye for now
How are you today?
no thanks
Sounds good to me
Who painted the Mona Lisa?
Which ocean lies between Africa and Australia?
When did the Berlin Wall come down?
How many legs does a spider have?
What colour do you get when you mix blue and yellow?
Is 21 a multiple of 7? Yes or no.
Convert 5 feet to centimetres.
How many grams are 2 pounds?
What is 30 degrees Celsius in Fahrenheit?
What is 3 + 4?
What is 12 times 11?
What is 15 % of 200?
Spell the word "necessary".
Correct the spelling: tommorow we will definately meet.
Translate "where is the station?" into Spanish.
How do you say "good luck" in Italian?
Give me a synonym for "quick".
What is the opposite of "ancient"?
What is the plural of "mouse"?
Extract the phone number from: 'Call Ana on 555-0134 after six.'
Pull the names out of this sentence: Tom and Mira met Lukas in Graz.
Is this review positive or negative? "The soup was cold and the waiter rude."
Make this upper case: open daily from nine
Put these in alphabetical order: pear, apple, fig
Name two primary colours.
List five European capitals.
Write a short thank-you note to my neighbour.
Suggest a name for a black kitten.
What does "ASAP" stand for?
Define "photosynthesis" in one sentence.
Remind me how to boil an egg.
Write a Python one-liner that reverses a string.
Write a SQL query that counts the rows of table users.
Write a JavaScript function that adds two numbers.
Tell me a joke about cats.
What time is it in Tokyo when it is noon in London?
What rhymes with "light"?
Shorten this: We would like to inform you that the shop will be closed on Monday.
Turn these into a comma-separated list: tea coffee milk
Extract every date from this text: We met on 2 March, signed on 9 April, and the goods arrived on 1 June 2024 in Hull.
What city is mentioned here? "After three weeks at sea the crew reached Lisbon, tired, hungry and glad to be on land."
Translate into French: My sister lives in a small village near the sea, and we visit her every summer with the children.
Fix the grammar: She don't likes apples and he have went home because it were raining all day yesterday.
Answer with one word: which animal is the largest on land?
Classify the mood of this message as happy, sad or angry: I can't believe we finally got the keys to our new house!
Make a shopping list for pancakes.
What is the boiling point of water at sea level?
How far is the Moon from the Earth?
Count the vowels in "banana".
Reverse the word "lamp".
Sort these numbers: 4, 1, 3
Is the number 8 even or odd?
Round 3.14159 to two decimals.
Write a haiku about snow.
Show me how to print "hello" in Java.
What does the Python function len do?
What is the chemical symbol for gold?
Who wrote "Pride and Prejudice"?
Give three examples of mammals.
Explain what a verb is in one sentence.
Why is the sky blue? One sentence please.
hola, ¿qué tal?
muchas gracias
buenos días
¿Cuál es la capital de Perú?
¿Cuánto es 7 por 8?
Traduce "buenas noches" al inglés.
Corrige la ortografía: ayer fui ha la playa
¿Cuántos minutos tiene una hora?
guten Morgen
danke schön!
Wie heißt die Hauptstadt von Österreich?
Was ist 9 mal 6?
Übersetze "ich habe Hunger" ins Englische.
Wie viele Tage hat der Februar?
Schreibe einen kurzen Geburtstagsgruß für meinen Bruder.
Rechne 3 Meilen in Kilometer um.
bonjour
merci beaucoup
Quelle est la capitale du Japon ?
Combien font 8 fois 7 ?
Traduis « à demain » en anglais.
Corrige : je sui alé au marché
olá, tudo bem?
obrigado!
Qual é a capital de Portugal?
Quantos segundos tem um minuto?
Traduza "bom dia" para o inglês.
ciao
grazie mille
Qual è la capitale della Svizzera?
Traduci "buona fortuna" in inglese.
привет
спасибо большое
Какая столица Италии?
Сколько будет 6 умножить на 7?
Переведи «доброе утро» на английский.
Сколько дней в неделе?
你好
谢谢你
日本的首都是哪里？
7乘以8等于多少？
把“晚安”翻译成英文。
一年有几个月？
帮我改正错别字：我今天很高心
おはようございます
ありがとう
フランスの首都はどこですか？
「おやすみ」を英語に訳してください。
1時間は何分ですか？
3足す4は？
안녕하세요
감사합니다
일본의 수도는 어디인가요?
"좋은 아침"을 영어로 번역해 줘.
مرحبا
شكرا جزيلا
ما هي عاصمة مصر؟
ترجم "صباح الخير" إلى الإنجليزية.
كم يوما في الأسبوع؟
नमस्ते
धन्यवाद
भारत की राजधानी क्या है?
"शुभ रात्रि" का अंग्रेज़ी में अनुवाद करो।
एक घंटे में कितने मिनट होते हैं?
merhaba, nasılsın?
teşekkürler
Türkiye'nin başkenti neresi?
"İyi geceler" ifadesini İngilizceye çevir.
สวัสดีครับ
ขอบคุณ
เมืองหลวงของลาวคืออะไร""".splitlines()
"""The middle size or a smaller one must do."""

HARD = """\
Prove that every compact subset of a metric space is closed and bounded, and show that the converse fails.
Show that a group of order p^2 is abelian, where p is prime.
Derive the Euler-Lagrange equation and explain every step of the derivation.
Let R be a Noetherian ring. Prove that R[x] is Noetherian.
Let f be an entire function that is bounded. Prove that f is constant, and justify every step.
Determine the expected number of rolls of a fair die until every face has appeared, and derive the variance.
Find all continuous functions f from the reals to the reals with f(x + y) = f(x) f(y), and prove that there are no others.
Compute the determinant of the n by n matrix with a on the diagonal and b elsewhere, and deduce its eigenvalues.
A solid cylinder of mass M and radius R rolls without slipping down a plane of angle t; derive its acceleration and the friction force.
Derive the electric field inside a uniformly charged shell with a spherical cavity that is off its centre.
Design a distributed job queue with exactly-once semantics across regions, and analyse how it fails under partition.
Design a schema and an indexing strategy for a multi-tenant event store, and evaluate the trade-offs in consistency and latency.
Analyse the time complexity of this recursive algorithm, prove your bound, and propose an optimisation with a proof of correctness.
Implement a lock-free concurrent queue in Rust, explain the memory ordering of every atomic operation, and prove that it is linearizable.
Write a compiler for a small typed language in Python: lexer, parser, type inference and code generation, with error recovery and tests for each stage.
Analyse the strategic implications of a carbon border tax for a steel exporter, model three scenarios, and critique your own assumptions.
Three gamblers play a fair game until one is ruined. Derive the expected duration by a martingale argument.
Prove or disprove: every bounded sequence in a Hilbert space has a weakly convergent subsequence.
Review this architecture for hidden bottlenecks and single points of failure, then design a migration strategy: a monolith with one database serves 40,000 requests per second.
Suppose X and Y are independent exponential random variables. Derive the density of X / (X + Y) and prove that it does not depend on X + Y.
Demuestra que todo grupo de orden primo es cíclico y deduce que es abeliano.
Demuestra por inducción la fórmula de la suma de los cubos y justifica cada paso del razonamiento.
Diseña una arquitectura distribuida para pagos y analiza sus modos de fallo y su consistencia.
Beweise, dass jede endliche Gruppe, deren Ordnung eine Primzahl ist, zyklisch ist.
Berechne die Eigenwerte der Matrix und beweise, dass sie genau dann diagonalisierbar ist, wenn das Polynom zerfällt.
Entwirf eine verteilte Architektur für Zahlungen und analysiere ihre Ausfälle und ihre Konsistenz.
Démontrez que tout groupe fini d'ordre premier est cyclique et justifiez chaque étape.
Concevez une architecture distribuée pour un service de paiement et analysez ses modes de défaillance.
Demonstre que toda função contínua em um intervalo compacto é uniformemente contínua e justifique cada passo.
Projete uma arquitetura distribuída para pagamentos e analise as suas falhas e a sua consistência.
Dimostra che ogni gruppo finito di ordine primo è ciclico e giustifica ogni passo.
Докажите, что всякая конечная группа простого порядка циклична, и обоснуйте каждый шаг доказательства.
Спроектируйте распределённую архитектуру для платежей и проанализируйте её отказы и согласованность.
证明每个素数阶的有限群都是循环群，并严格说明每一步推导。
设计一个分布式支付系统的架构，并分析其故障模式和一致性权衡。
设随机变量X和Y独立，求X+Y的期望与方差，并证明你的结论。
素数位数の有限群は巡回群であることを証明し、各手順を説明してください。
分散決済システムを設計し、障害と一貫性を分析してください。
위수가 소수인 유한군은 순환군임을 증명하고 각 단계를 설명하세요.
분산 결제 시스템의 아키텍처를 설계하고 장애를 분석하세요.
أثبت أن كل زمرة منتهية رتبتها عدد أولي هي زمرة دائرية، واشرح كل خطوة من البرهان.
صمم بنية موزعة لنظام دفع وحلل أعطاله واستراتيجية التعافي.
सिद्ध कीजिए कि अभाज्य कोटि का प्रत्येक परिमित समूह चक्रीय होता है और प्रत्येक चरण समझाइए।
भुगतान के लिए एक वितरित वास्तुकला डिज़ाइन कीजिए और उसकी विफलता का विश्लेषण कीजिए।
Mertebesi asal olan her sonlu grubun devirli olduğunu kanıtlayın ve her adımı açıklayın.
What is 48,293 x 7,719?
Compute 918273 * 645546 exactly.""".splitlines()
"""Only the largest size will do."""

EMBEDDING = """\
Embed this sentence: the lake is frozen
Calculate the embedding vector of "second-hand bicycles"
Berechne das Embedding von: warme Winterjacken
Calcule l'embedding de la phrase suivante : le train part à midi
Calcula el embedding de esta frase: el tren sale a mediodía
Gere o embedding do seguinte texto: casacos de inverno
Вычисли эмбеддинг текста: зимние куртки
计算下面这句话的嵌入向量：火车中午出发
次の文の埋め込みベクトルを計算してください：列車は正午に出ます
다음 문장의 임베딩을 계산해 줘: 기차는 정오에 떠난다
احسب التضمين للجملة التالية: القطار يغادر ظهرا
इस वाक्य का एम्बेडिंग निकालिए: रेलगाड़ी दोपहर को चलती है""".splitlines()
"""The embedding model."""
