"""Words by which a turn of a conversation points back at earlier turns, by language. Plain data.

Words in Latin letters stand whole, without accents; those of other scripts with spaces count as beginnings of words,
since their languages bend the endings. Words of scripts without spaces (Chinese, Japanese, Thai) count anywhere.
A word that means something else in another language with Latin letters is left out.
"""

GOING = {
    "en": "continue go on keep going proceed carry next yes yeah yep yup ok okay sure do again retry resume finish "
    "rest more ahead try",
    "es": "continua continue continuar sigue siga seguir adelante prosigue si vale dale hazlo otra vez mas",
    "fr": "continue continuez continuer poursuis poursuivez vas-y vas oui allez allons suite encore refais accord",
    "de": "weiter weitermachen fahre fort fortfahren mach ja nochmal nochmals noch einmal gerne klar jawohl",
    "pt": "continua continue continuar prossiga segue siga adiante sim faca isso mais outra",
    "it": "continua continuare prosegui avanti vai si procedi fallo ancora altra",
    "tr": "devam et edin sur evet tamam yap tekrar peki",
    "ru": "продолжай продолжи продолжа дальше далее давай да хорошо ладно ещё еще сделай повтори",
    "ar": "استمر واصل تابع اكمل أكمل نعم حسنا موافق افعل أعد المزيد تمام",
    "hi": "जारी आगे हाँ हां ठीक करो करें कीजिए फिर और",
    "ko": "계속 이어 네 예 응 그래 좋아 다시 더 진행",
    "zh": "继续 续写 接着 往下 下一步 好的 好 是的 是 可以 行 对 嗯 再来一次 再来 做吧 请继续 繼續 接著",
    "ja": "続けて 続き 続ける つづけて 次 はい ええ お願いします もう一度 進めて どうぞ もっと",
    "th": "ต่อไป ต่อ ทำต่อ ใช่ ได้ ตกลง โอเค อีกครั้ง เพิ่มเติม ครับ ค่ะ",
}
"""Words that ask to go on: a turn of these and of `FILLING` alone adds nothing to what it goes on with."""

FILLING = {
    "en": "it that this please now then the and so great good perfect fine right exactly correct me tell give let lets "
    "us with from where you left off stopped task work answer there just one time a of",
    "es": "por favor ahora entonces con eso lo bien perfecto donde lo dejaste tarea",
    "fr": "stp plait maintenant alors donc avec ca cela bien parfait ou tu t'es d s il te vous la le",
    "de": "bitte jetzt dann es das damit gut perfekt genau und so wo du aufgehort hast den rest auf",
    "pt": "por favor agora entao com isso bem perfeito onde parou tarefa",
    "it": "per favore adesso ora allora con questo bene perfetto da dove eri rimasto",
    "tr": "lutfen simdi sonra bunu onu ve o zaman iyi kaldigin yerden",
    "ru": "пожалуйста теперь тогда это с ним и так отлично верно",
    "ar": "من فضلك الآن ذلك هذا ثم و به جيد رجاء إلى الأمام",
    "hi": "कृपया अब तब इसे यह वह रखो रखें बढ़ो बढ़ें है जी से",
    "ko": "주세요 해 해줘 해주세요 부탁 이제 그럼 그것 이것 요",
    "zh": "请 吧 了 现在 那 那么 就 做 这个 它 说 写 下去 吗 啊 的 你",
    "ja": "ください 下さい で そう して それ これ を は です ね よ じゃあ では お願い",
    "th": "กรุณา โปรด ตอนนี้ แล้ว มัน นี้ เลย ไป นะ ที ช่วย",
}
"""Words beside these that add nothing either."""

CLOSING = {
    "en": "thanks thank thx ty bye goodbye hello hi hey",
    "es": "gracias adios hola chao",
    "fr": "merci bonjour salut bonsoir",
    "de": "danke tschuss hallo danke",
    "pt": "obrigado obrigada tchau ola",
    "it": "grazie ciao arrivederci",
    "tr": "tesekkurler tesekkur merhaba sagol",
    "ru": "спасибо привет пока здравствуй",
    "ar": "شكرا مرحبا وداعا",
    "hi": "धन्यवाद शुक्रिया नमस्ते",
    "ko": "감사 고마 안녕",
    "zh": "谢谢 多谢 你好 再见 謝謝",
    "ja": "ありがとう こんにちは さようなら",
    "th": "ขอบคุณ สวัสดี",
}
"""Words that thank or greet: a short turn with one asks for no work."""

POINTING = {
    "en": "it its this these those above previous previously earlier former latter them they your aforementioned",
    "es": "esto esta este eso esa ese esos esas anterior anteriores arriba",
    "fr": "cela ceci ca celui celle ceux precedent precedente dessus",
    "de": "dies dieses diese diesen dieser dessen davon daran damit darauf vorherige vorherigen obige obigen "
    "dasselbe letzte letzten",
    "pt": "isto isso esse essa este esta anterior acima",
    "it": "questo questa quello quella precedente sopra ciò cio",
    "tr": "bunu bunun buna bu onu onun ona oncekini onceki yukaridaki",
    "ru": "это этот эта эту этого этом его её ее их предыдущ выше последн",
    "ar": "هذا هذه ذلك تلك السابق السابقة أعلاه",
    "hi": "इसे इसका इसकी इसको यह उसे उसका उसकी ऊपर पिछला पिछले",
    "ko": "이것 그것 이거 그거 위의 이전 앞의 그걸 이걸",
    "zh": "这 这个 它 那个 上面 上述 之前 刚才 前面 這 前一",
    "ja": "これ それ この その あれ 上記 前の さっき 先ほど",
    "th": "นี้ นั้น ข้างต้น ก่อนหน้า",
}
"""Words for something that was said before."""

LIKENING = {
    "en": "again another same instead likewise",
    "es": "mismo misma otro tambien",
    "fr": "meme autre aussi",
    "de": "nochmal stattdessen andere auch",
    "pt": "mesmo mesma outro tambem",
    "it": "stesso stessa altro anche",
    "tr": "ayni baska",
    "ru": "тот же другой снова опять",
    "ar": "نفسه مرة أخرى",
    "hi": "वही दूसरा",
    "ko": "같은 다른",
    "zh": "同样 再 另",
    "ja": "同じ 別の もう",
    "th": "เดิม อื่น",
}
"""Words that liken a turn to what was said, unless it names work of its own."""

LAST = {
    "en": "that them why how shorter longer simpler better explain elaborate mean",
    "es": "lo por que como corto largo",
    "fr": "pourquoi comment le la les court long",
    "de": "das es warum wieso kurzer langer einfacher",
    "pt": "por que como curto longo",
    "it": "perche come lo breve lungo",
    "tr": "neden nasil o kisa uzun",
    "ru": "почему зачем как короче подробнее проще",
    "ar": "لماذا كيف اقصر أقصر",
    "hi": "क्यों कैसे छोटा",
    "ko": "왜 어떻게 짧게 자세히",
    "zh": "为什么 怎么 短一点 详细 為什麼",
    "ja": "なぜ どうして なんで 短く 詳しく",
    "th": "ทำไม อย่างไร สั้น",
}
"""Words that point back where they end a turn."""

JOINING = {
    "en": "and but or also then no so",
    "es": "y pero o tambien entonces no",
    "fr": "et mais ou aussi alors non",
    "de": "und aber oder auch dann nein",
    "pt": "e mas ou tambem entao nao",
    "it": "e ma o anche allora no",
    "tr": "ve ama veya peki ayrica hayir",
    "ru": "и а но или также тогда нет",
    "ar": "و ولكن أو أيضا لا",
    "hi": "और लेकिन या भी नहीं",
    "ko": "그리고 그런데 또는 또 아니",
    "zh": "那 那么 还有 但是 或者 不 而且",
    "ja": "じゃあ では そして でも または いいえ あと",
    "th": "แล้ว และ แต่ หรือ ไม่",
}
"""Words that join a turn to what was said, where they begin it."""
