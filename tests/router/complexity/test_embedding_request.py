import pytest

from zeta_eval.router.complexity import is_embedding_request
from zeta_eval.router.complexity.embedding_request import READ

REQUESTS = """\
Embed this: a cat on a warm wall
Embed: quarterly revenue by region
embed "how to descale a kettle"
please embed the sentence
Please embed the following paragraph: Rain fell all night.
Could you embed this product description: waterproof hiking boots
Embed these sentences for clustering: one; two; three
Compute an embedding for: x
create a sentence embedding of it
Compute the embedding vector of 'blue cotton shirt'
Compute the embedding vector of this sentence: the ferry leaves at six
Generate embeddings for the following texts: apple, pear, plum
Generate a 768-dimensional embedding for: late train refund
Give me the embedding of the word bicycle
Return the vector representation of the text below:\\nThe shop opens at nine.
Calculate the text embedding of "free parking downtown"
Can you get the embedding for this query: best pizza nearby
I need an embedding for this review: The battery lasts two days.
embedding of: garden furniture
Embedding: green tea with lemon
Text embedding for the sentence: all sales are final
Embeddings for the following phrases: red car, blue car
Vectorize the following passage: The council voted on Monday.
Vectorise this sentence: winter tyres are compulsory
Turn this sentence into a vector: the door is open
Convert the following text to an embedding: lost luggage claim
Represent this sentence as a vector: he plays the violin
Encode this text as a dense vector: weekend opening hours
Berechne das Embedding von "rote Laufschuhe"
Berechne das Embedding von diesem Satz: Der Zug kommt später.
Bitte erzeuge den Embedding-Vektor für folgenden Text: Öffnungszeiten am Sonntag
Erstelle eine Einbettung des Satzes: Heute regnet es.
Bette diesen Satz ein: Das Haus ist alt.
Vektorisiere den folgenden Text: Kaffee ohne Zucker
Gib mir die Vektordarstellung von: günstige Flüge
Calcule l'embedding de « chaussures de course rouges »
Calcule l'embedding de cette phrase : il fait beau
Donne-moi le vecteur d'embedding du texte suivant : horaires du musée
Génère une représentation vectorielle de la phrase : le pain est frais
Vectorise ce texte : location de vélos
Calcula el embedding de: zapatillas rojas
Calcula el vector de embedding de esta frase: hoy llueve
Genera la representación vectorial del siguiente texto: horario de verano
Dame el embedding de la palabra "mesa"
Vectoriza esta frase: el tren llega tarde
Calcule o embedding desta frase: o mar está calmo
Gere a representação vetorial do seguinte texto: café da manhã incluído
Calcola l'embedding di questa frase: il treno è in ritardo
Genera l'embedding del testo seguente: scarpe da corsa
Вычисли эмбеддинг фразы: красные кроссовки
Посчитай эмбеддинг для этого предложения: сегодня идёт снег
Построй векторное представление текста: расписание поездов
Векторизуй этот текст: доставка на дом
计算这句话的嵌入向量：今天下雨了
请生成以下文本的嵌入：红色跑鞋
给出下面句子的向量表示：火车晚点了
把这句话转换成向量：图书馆几点开门
将下列文本向量化：免费停车
嵌入向量：绿茶
次の文の埋め込みベクトルを計算してください：今日は雨です
この文をベクトル化してください：駅まで歩く
「赤い靴」の埋め込みを求めて
以下のテキストの埋め込みを生成して：夏の予定
다음 문장의 임베딩을 계산해 줘: 오늘은 비가 온다
이 문장을 임베딩해 줘: 기차가 늦는다
다음 텍스트의 벡터 표현을 생성하세요: 빨간 신발
احسب التضمين للجملة التالية: الجو جميل اليوم
احسب التمثيل المتجهي لهذا النص: مواعيد القطار
इस वाक्य का एम्बेडिंग निकालिए: आज बारिश हो रही है
निम्न पाठ का एम्बेडिंग बनाओ: लाल जूते
Şu cümlenin gömme vektörünü hesapla: bugün hava güzel
Bu metnin embedding vektörünü oluştur: kırmızı ayakkabı""".splitlines()

OTHERS = """\
What is an embedding in topology?
What is an embedding?
What are word embeddings used for?
How do I compute embeddings in Python?
How can I compute the embedding of a sentence with BERT?
How do I embed a map in my website?
Explain embedding layers
Explain how positional embeddings work.
Explain embedded systems
Why are embeddings normalised?
Which embedding model is best for German?
Generate code for word embeddings
Write a function that computes the embedding of a sentence.
Write a poem about vectors: rhyme it
Vectorize this loop in NumPy: for i in range(n)
Embed a YouTube video in an HTML page, how?
Embed this video: it should start on its own
Embed the following iframe in my page
Give me an example of an embedding
Give a summary of this text about embeddings: they are vectors
Give a definition of embedding
Create an embedding layer in PyTorch
Create an embedding table for a vocabulary of 50k tokens
Find an embedding of the torus in four dimensions
Compute an embedding of the complete graph on five vertices in the torus
Compute the dot product of the vectors: (1, 2) and (3, 4)
Compute the gradient vector of x^2 + y^2
Calculate the length of the vector (3, 4)
Summarise the following article about embeddings: They map words to points.
Translate into French: the embedding of a word is a vector
Compare embeddings and one-hot vectors.
Is an embedding a vector?
Can embeddings be negative?
What does it mean to embed a sentence?
Tell me how sentence embeddings are trained
Describe the difference between an embedding and a feature
My embedding search returns bad results. What should I do?
List three uses of embeddings.
The embedding layer is slow
I embedded the seal in the wall. Is that right?
Represent the number 12 in binary: show the steps
Convert the following text to upper case: hello
Turn this into a list: milk, eggs
Was ist ein Embedding?
Wie berechne ich Embeddings in Python?
Erkläre, wie Einbettungen trainiert werden.
Schreibe eine Funktion, die das Embedding eines Satzes berechnet.
Berechne den Vektor von A nach B: A = (1, 2), B = (3, 5)
Qu'est-ce qu'un embedding ?
Comment calculer un embedding en Python ?
Explique les couches d'embedding
Calcule la norme du vecteur (3, 4)
¿Qué es un embedding?
¿Cómo calculo embeddings en Python?
Explica qué es una representación vectorial
Calcula el producto de los vectores (1, 2) y (3, 4)
O que é um embedding?
Como gerar embeddings em Python?
Che cos'è un embedding?
Что такое эмбеддинг?
Как посчитать эмбеддинги в Python?
Найди длину вектора (3, 4)
什么是嵌入向量？
如何用Python计算句子的嵌入？
解释一下词向量的原理
计算向量(1, 2)和(3, 4)的点积：
埋め込みとは何ですか？
Pythonで文の埋め込みを計算する方法を教えて
ベクトル (3, 4) の長さを計算して
임베딩이 무엇인가요?
임베딩은 어떻게 계산하나요?
ما هو التضمين؟
كيف أحسب التضمين في بايثون؟
एम्बेडिंग क्या है?
Embedding nedir?
Python'da embedding nasıl hesaplanır?
hi
Embedded Linux: which board should I buy?
?!

""".splitlines()


def test_there_are_many_cases_of_both_kinds():
    assert len(set(REQUESTS)) == len(REQUESTS) >= 60 and len(set(OTHERS)) == len(OTHERS) >= 60


@pytest.mark.parametrize("text", REQUESTS)
def test_a_request_for_an_embedding_is_seen(text):
    assert is_embedding_request(text.replace("\\n", "\n"))


@pytest.mark.parametrize("text", OTHERS)
def test_a_question_about_embeddings_is_no_request_for_one(text):
    assert not is_embedding_request(text)


def test_the_text_to_embed_may_say_anything():
    assert is_embedding_request("Embed this: how do I embed a map in HTML with Python?")
    assert not is_embedding_request("x" * READ + " Embed this: a cat")
