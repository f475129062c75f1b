"""Whether a text asks for an embedding ("Embed this sentence: ...") rather than for an answer, in many languages.

A request names the embedding beside a verb of making ("compute the embedding of"), has a verb for embedding ("embed
this"), or begins with the noun ("embedding of: ..."); and it gives a text to embed. A question about embeddings names
one, but asks what, how or why, or goes on about code, models or mathematics.
"""

import re
from functools import cache

from zeta_eval.router.complexity.scripts import fold

READ = 240
"""Characters at the beginning of a text that are looked at."""

_STEMS = (
    "embed",
    "imbed",
    "vector",
    "vektor",
    "vecteur",
    "vettor",
    "vetor",
    "represent",
    "einbett",
    "bette",
    "plongement",
    "incorpora",
    "incrust",
    "vektör",
    "gömme",
    "эмбед",
    "вектор",
    "嵌入",
    "向量",
    "埋め込み",
    "ベクトル",
    "임베딩",
    "벡터",
    "تضمين",
    "متجه",
    "एम्बे",
    "एंबे",
    "वेक्टर",
    "सदिश",
    "เวกเตอร์",
)
"""Parts of words without one of which a text asks for no embedding; folded below."""

_NOUN = (
    r"(?:(?:vector|vectors)\s+(?:representations?|embeddings?|encodings?)|embedding[\s-]+(?:vectors?|representations?|"
    r"vektor(?:en)?)|embeddings?(?:vektor(?:en|s)?)?|einbettung(?:en|svektor(?:en)?)?|vektordarstellung|"
    r"vektorreprasentation|representations?\s+vectorielles?|plongements?(?:\s+(?:vectoriels?|lexica(?:l|ux)))?|"
    r"vecteurs?\s+d.(?:embeddings?|incorporation)|representacion(?:es)?\s+vectorial(?:es)?|"
    r"vector(?:es)?\s+de\s+(?:embeddings?|incrustacion)|incrustacion(?:es)?|representac(?:ao|oes)\s+vetoria(?:l|is)|"
    r"vetor(?:es)?\s+de\s+(?:embeddings?|incorporacao)|rappresentazion[ei]\s+vettorial[ei]|vettor[ei]\s+di\s+embeddings?|"
    r"gomme\s+vektor\w*|vektor\s+temsil\w*|эмбед\w*|векторно\w*\s+представлени\w*|"
    r"(?:ال)?تضمين(?:ات)?(?:\s+(?:ال)?متجه\w*)?|(?:ال)?تمثيل\s+(?:ال)?متجه\w*|(?:ال)?متجه\s+(?:ال)?تضمين)"
)
_MAKE = (
    r"(?:compute|create|calculate|generate|get|give|make|produce|return|provide|output|obtain|fetch|find|build|"
    r"need|want|send|show|extract|determine|"
    r"berechne|berechnen|erzeuge|erzeugen|erstelle|erstellen|generiere|gib|liefere|bestimme|ermittle|brauche|"
    r"calcule[rz]?|genere[rz]?|donne[rz]?|cree[rz]?|produis|renvoie|retourne|fournis|obtiens|besoin|"
    r"calcula|calcular|genera|generar|crea|crear|dame|devuelve|obten|obtener|produce|necesito|genere|"
    r"gere|gerar|crie|criar|retorne|devolva|obtenha|forneca|preciso|"
    r"calcola|calcolare|dammi|restituisci|ottieni|fornisci|produci|"
    r"вычисли\w*|посчитаи\w*|рассчитаи\w*|создаи\w*|сгенерируи\w*|получи\w*|построи\w*|верни\w*|даи\w*|наиди\w*|нужен|"
    r"احسب|انشئ|ولد|اعط\w*|اوجد|استخرج|ارجع|اريد|انشئ)"
)
_NOT_BETWEEN = (
    r"(?:of|for|about|on|in|to|with|from|that|which|code|function|script|program|class|layer|example|explanation|summary|"
    r"definition|overview|list|tutorial|uber|funktion|programm|skript|beispiel|code|fonction|exemple|programme|sur|"
    r"funcion|codigo|programa|ejemplo|sobre|funcao|exemplo|funzione|codice|esempio|programma|"
    r"функци\w*|код\w*|пример\w*|программ\w*|про|об|دالة|برنامج|مثال|كود)"
)
_TEXT = (
    r"(?:texts?|sentences?|passages?|paragraphs?|documents?|quer(?:y|ies)|strings?|words?|phrases?|titles?|abstracts?|"
    r"reviews?|comments?|messages?|descriptions?|snippets?|headlines?|captions?|questions?|utterances?|inputs?|keywords?|"
    r"terms?|chunks?|names?|lines?|articles?|"
    r"satz(?:es)?|satze|textes?|wort(?:es)?|worter|absatz(?:es)?|ausdrucks?|anfrage|titels?|"
    r"mots?|documento?s?|oracion(?:es)?|frases?|texto?s?|parrafos?|palabras?|titulos?|consultas?|descripcion|"
    r"sentenca|paragrafos?|palavras?|frasi|testo|testi|parola|parole|paragrafo|"
    r"предложени\w*|текст\w*|фраз\w*|слов\w*|абзац\w*|запрос\w*|"
    r"(?:ل|ال|لل)*(?:جملة|نص|عبارة|فقرة|كلمة))"
)
_THIS = (
    r"(?:this|these|the|following|a|an|my|each|our|below|next|all|both|"
    r"dies\w*|folgend\w*|den|das|die|des|der|ce|cet|cette|ces|la|le|les|l.|suivante?s?|"
    r"esta|este|estas|estos|el|los|las|siguientes?|essa|esse|isto|o|os|as|seguintes?|questa|questo|queste|questi|il|lo|gli|"
    r"seguent[ei]|this\s+short|этого|этои|это|эту|этот|следующ\w*|هذه|هذا)"
)
_EMBED = (
    r"(?:embed|imbed|vectori[sz]e|einbetten|bette|vektorisiere|vektorisieren|vectorise[rz]?|incorpore[rz]?|plonge|"
    r"vectoriza|vectorizar|incrusta|incrustar|vetorize|vetorizar|vettorizza|векторизуи\w*|закодируи\w*)"
)
_TURN = (
    r"(?:turn|convert|transform|map|encode|represent|wandle|verwandle|konvertiere|kodiere|convertis|transforme|encode|"
    r"convierte|transforma|codifica|converta|transforme|codifique|converti|trasforma|преобразуи\w*|преврати\w*|حول)"
)
_VECTOR = (
    r"(?:(?:embedding|dense|semantic|numeric(?:al)?|feature)?\s*(?:vectors?|embeddings?|vektor(?:en)?|vecteurs?|vector(?:es)?|"
    r"vetor(?:es)?|vettor[ei]|вектор\w*|эмбед\w*|متجه\w*))"
)
_ASKS = re.compile(
    r"\b(?:what|whats|how|why|which|when|where|who|does|is|are|was|should|explain|describe|define|tell|difference|compare|"
    r"teach|discuss|summari[sz]e|write|translate|implement|wie|was|warum|wieso|welche\w*|wann|erklare|beschreibe|schreibe|"
    r"comment|pourquoi|quel\w*|quoi|explique\w*|ecris|decris|que|como|cual\w*|explica\w*|describe|escribe|porque|qual|quais|"
    r"escreva|come|cosa|perche|spiega|scrivi|как|что|почему|зачем|какои|какие|объясни\w*|напиши\w*|расскажи\w*|"
    r"ما|كيف|لماذا|اشرح|اكتب|هل)\b"
)
_ABOUT = re.compile(
    r"\b(?:python|pytorch|tensorflow|keras|numpy|java|javascript|typescript|html|css|rust|golang|bert|word2vec|glove|faiss|"
    r"langchain|layers?|tables?|models?|dimensions?|lookup|systems?|engines?|pipelines?|apps?|applications?|databases?|"
    r"datasets?|corpus|websites?|pages?|iframe|videos?|images?|maps?|pdfs?|fonts?|widgets?|youtube|graphs?|torus|manifolds?|"
    r"spheres?|surfaces?|spaces?|groups?|fields?|planes?|rings?|algebras?|lattices?|varieties|variety|knots?|bottle|"
    r"curves?|functors?|categor\w+|schichten|schicht|modelle?|modell|seite|webseite|bild|couches?|modele|"
    r"capas?|modelos?|pagina|imagen|camadas?|imagem|strati|modello|immagine|слои|слои|модел\w*|график\w*|"
    r"graphics?|illustrations?|logos?|icons?|loop|for\s+i\s+in|using|mit\s+hilfe|avec|usando|с\s+помощью|بايثون|نموذج)\b|r\^|\br\d\b"
)
_OBJECT = re.compile(
    r"\s*,?\s*(?:please|bitte|s'il (?:te|vous) plait|por favor|per favore|пожалуиста)?\s*"
    rf"(?:$|[.!]|(?:of|for|from|von|fur|zu|aus|des|der|de|du|da|do|dos|di|del|della|dello|d.|pour|para|por|per|для|от|к|ل)"
    rf"\s*\S|{_THIS}\s|{_TEXT}\b)"
)
_FREE = (
    r"(?:嵌入向量|嵌入表示|向量嵌入|向量表示|向量表征|文本向量|句向量|词向量|语义向量|文本嵌入|句子嵌入|嵌入|embeddings?|"
    r"埋め込み(?:ベクトル|表現)?|ベクトル(?:表現|化)|임베딩\s*벡터|임베딩|벡터\s*표현|เวกเตอร์|"
    r"एम्बेडिंग|एंबेडिंग|वेक्टर\s*(?:निरूपण|प्रतिनिधित्व)|सदिश\s*निरूपण|gomme\s+vektor\w*|vektor\s+temsil\w*)"
)
_FREE_MAKE = (
    r"(?:计算|生成|求出?|给出|返回|输出|得到|获取|提取|创建|算出|計算|作成|求め|返し|返せ|出力|取得|作っ|出し|教え|"
    r"계산|생성|구해|만들|반환|출력|추출|알려|คำนวณ|สร้าง|"
    r"निकाल\w*|बना\w*|गणना|दीजिए|दो|दें|hesapla\w*|olustur\w*|uret\w*|cikar\w*|dondur\w*|ver)"
)
_FREE_VERB = (
    r"(?:(?:把|将).{1,60}?(?:向量化|嵌入|(?:转换?|编码|变|映射)(?:为|成|到).{0,8}?(?:向量|embedding))|"
    r"^\W*(?:请|帮我|麻烦)*\W*(?:嵌入|向量化)|"
    r"ベクトル(?:化|に(?:変換|し))|埋め込(?:ん|め)|埋め込みに変換|임베딩\s*(?:해|하|으로)|벡터(?:화|로)|"
    r"(?:एम्बे[डृ]|एंबे[डृ]|वेक्टर\s*में)|vektore\s+donustur|vektorlestir|gomme\w*\s+donustur)"
)
_FREE_ASKS = (
    r"(?:什么|怎么|如何|为何|为什么|哪|吗|解释|介绍|说明|代码|函数|教程|区别|原理|模型|维度|网页|视频|"
    r"とは|何|なに|どう|なぜ|説明|コード|関数|違い|モデル|方法|動画|무엇|뭐|어떻게|왜|설명|코드|함수|차이|모델|방법|영상|"
    r"क्या|कैसे|क्यों|समझा|कोड|अंतर|मॉडल|nedir|nasil|neden|acikla|kod|fark|model|อะไร|อย่างไร|ทำไม|อธิบาย|"
    r"python|pytorch|html)"
)
_FREE_THIS = r"(?:这|该|以下|下面|下列|此|この|次の|以下|下記|이|다음|아래|इस|निम्न|नीचे|इन|su|bu|asagida\w*|นี้|Q)"


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Patterns of an instruction: make an embedding, embed, turn into a vector, the noun alone; and of free order."""
    word = rf"(?!{_NOT_BETWEEN}\b)[^\s,]+\s+"
    lead = r"\W*(?:[^\s,]+[\s,]+){0,4}?"
    return (
        re.compile(rf"(?P<before>{lead}){_MAKE}(?:-(?:moi|nous|me))?\s+(?:{word}){{0,5}}?(?:\w+['’])?{_NOUN}\b(?P<after>.*)"),
        re.compile(rf"(?P<before>{lead}){_EMBED}\b\s*(?P<after>$|(?:{_THIS}\s+){{0,2}}(?:\w+\s+)?{_TEXT}\b.*|{_THIS}\s*$)"),
        re.compile(
            rf"(?P<before>{lead}){_TURN}\s+(?:{_THIS}\s+){{1,2}}(?:\w+\s+)?{_TEXT}\b.{{0,40}}?\b(?:{_VECTOR}\b|"
            r"for\s+(?:search|retriev)\w*)(?P<after>.*)"
        ),
        re.compile(rf"(?P<before>\W*(?:{word}){{0,2}}?(?:l['’])?){_NOUN}(?P<after>(?:\W+(?:please|of|for|from|von|fur|de|du|di|da|"
                   rf"do|des|der|del|para|pour|per|для|ل))?(?:\W+{_THIS}){{0,3}}(?:\W+(?:\w+\W+)?{_TEXT})?\W*)$"),
    )  # fmt: skip


@cache
def _free() -> tuple[re.Pattern[str], ...]:
    noun, make, this = _FREE, _FREE_MAKE, _FREE_THIS
    return (
        re.compile(rf"{make}.{{0,40}}?{noun}|{noun}.{{0,16}}?{make}|{_FREE_VERB}"),
        re.compile(rf"^.{{0,24}}?{noun}\W*$"),
        re.compile(_FREE_ASKS),
        re.compile(this),
    )


_ASCII_STEMS = tuple(filter(str.isascii, _STEMS))


def is_embedding_request(text: str) -> bool:
    """Whether a text asks for an embedding ("Embed this sentence: ...") rather than for an answer.

    >>> is_embedding_request("Compute the embedding of: a red bicycle"), is_embedding_request("What is an embedding?")
    (True, False)
    """
    head = text[:READ].lower()
    plain = head.isascii()
    for stem in _ASCII_STEMS if plain else _STEMS:
        if stem in head:
            break
    else:
        return False
    if not plain:
        head = fold(head)
    found = re.search(r"[:\n\"“”„«»「『]|(?<!\w)['‘’](?=\w)", head)
    instruction, payload = (head[: found.start()], head[found.end() :].strip()) if found else (head, "")
    return _spaced(instruction.rstrip(), bool(payload)) or _unspaced(head, instruction, bool(payload))


def _spaced(instruction: str, payload: bool) -> bool:
    """Whether an instruction in a language with the verb before its object asks for an embedding."""
    make, embed, turn, noun = _patterns()
    for pattern in (make, embed, turn, noun):
        m = pattern.match(instruction)
        if m is None or _ASKS.search(m["before"]) or _ABOUT.search(m["after"]):
            continue
        if payload or (pattern is make and _OBJECT.match(m["after"])) or (pattern is embed and m["after"]):
            return True
        if pattern is turn or (pattern is noun and re.search(_TEXT, m["after"])):
            return True
    return False


def _unspaced(head: str, instruction: str, payload: bool) -> bool:
    """Whether a text in a language whose verb may come last, or without spaces, asks for an embedding."""
    asks_for, noun_first, question, this = _free()
    told = re.sub(r"[「『“\"«'‘].*?[」』”\"»'’]", "Q", head.partition(":")[0].partition("\n")[0])
    if question.search(told):
        return False
    if asks_for.search(told):
        return payload or this.search(told) is not None
    return payload and noun_first.match(instruction) is not None
