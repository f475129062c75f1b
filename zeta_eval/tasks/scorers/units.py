"""What may stand after a number without changing it: units and other words, and which units are the same."""

import re

_SAME = """
m meter meters metre metres|cm centimeter centimeters centimetre centimetres|mm millimeter millimeters millimetre
|km kilometer kilometers kilometre kilometres|in inch inches|ft foot feet|yd yard yards|mi mile miles
|g gram grams|kg kilogram kilograms kilo kilos|mg milligram milligrams|lb lbs|oz ounce ounces|ton tons tonne tonnes
|l L liter liters litre litres|ml mL milliliter milliliters millilitre millilitres|gal gallon gallons
|s sec secs second seconds|min mins minute minutes|h hr hrs hour hours|day days|week weeks|month months|year years
|cent cents ct \u00a2|dollar dollars usd USD \uff04|euro euros eur EUR \u20ac|gbp GBP \u00a3|yen jpy JPY \u00a5
|rupee rupees inr INR Rs rs \u20b9|\u00b0 degree degrees deg|rad radian radians|mph|C celsius|F fahrenheit
"""
SAME_UNIT = {unit: group.split()[0] for group in _SAME.replace("\n", " ").split("|") for unit in group.split()}
"""By unit, the name under which it is compared; units that are not here are taken for words."""

_MORE_UNITS = """
dm nm um cl dl ms us ns Hz kHz MHz GHz W kW MW kWh V kV mV mA J kJ cal kcal Pa kPa bar psi N kN mol K kph kmh kmph rpm
ha sq pts pcs dB px KB MB GB TB am pm CNY RMB CHF cny chf kr ppm hp
"""
_SMALL_WORDS = """
of in at a an on by no my he it we is us per the for
"""
_OTHER_VALUES = """
or and to not than if iff for where when more less fewer plus minus times over root squared cubed factorial base binary
hex hexadecimal pi mod modulo choose sin cos tan log ln exp lim sqrt through until between oder und ou et o y e
ili \u6216 \u5230 \u81f3
"""
_LENGTHS = frozenset(("m", "cm", "mm", "km", "dm", "ft", "in", "yd", "mi"))
_KNOWN, _SMALL, _STOP = {*SAME_UNIT, *_MORE_UNITS.split()}, {*_SMALL_WORDS.split()}, {*_OTHER_VALUES.split()}
_WORD = re.compile(r"[^\W\d_]+")
_TAIL = re.compile(
    r"(?:(?P<gap>\s*)(?P<word>[^\W\d_]+)(?P<power>[23](?!\w)|\s?\^\s?\{?-?\d\}?)?"  # a word, also "cm^2", "m2"
    r"|\s*[-/\u00d7'\u00b0.]|\s?\"|\s*\([^()\d]*\))"
)
_OWN_SCRIPT = re.compile(
    "[\u0400-\u04ff\u0590-\u06ff\u0900-\u0dff\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)


def is_unit(text: str) -> bool:
    """Whether a text may follow a number as its unit: "km/h", " cm^2", " apples in all", not "x", " or more"."""
    at, first = 0, True
    text = text.rstrip()
    while at < len(text):
        found = _TAIL.match(text, at)
        if found is None:
            return False
        word = found["word"]
        if found["power"] and found["power"].isdigit() and word not in _LENGTHS:
            return False
        if word and not _is_word(word, attached=first and not found["gap"], first=first):
            return False
        at, first = found.end(), first and not word
    return not re.search(r"[-/\u00d7]$", text)


def unit_name(text: str) -> str:
    """The name under which a unit is compared, "" for words that are none."""
    found = _WORD.search(text.removeprefix(" square").removeprefix(" cubic"))
    sign = text.strip()[:1]
    return SAME_UNIT.get(found[0] if found else sign, SAME_UNIT.get(sign, ""))


def _is_word(word: str, *, attached: bool, first: bool) -> bool:
    """Whether a word may stand in a unit; variables may not."""
    if word.lower() in _STOP:
        return first and word.lower() == "times"
    if word in _KNOWN or word.lower() in _KNOWN or _OWN_SCRIPT.match(word):
        return word.lower() != "x"
    if attached:
        return len(word) > 3 and _sounds(word)
    return word.lower() in _SMALL - ({"a", "an"} if first else set()) or (len(word) > 2 and _sounds(word))


def _sounds(word: str) -> bool:
    """Whether a word has a vowel, as a product of variables seldom has, and no letter that is none."""
    return re.search("[aeiouyAEIOUY\u00c0-\u024f]", word) is not None and word.isalpha()
