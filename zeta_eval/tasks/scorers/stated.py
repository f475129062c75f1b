"""Where a response states its answer: in a box, after "the answer is", or below a heading."""

import re

_ANSWER = re.compile(  # a heading, or the words; the gap to the answer; the answer
    r"(?im)(?:^[^\w\n]*(?:final[ \t]+)?answer[^\w\n]*$|answer\s*(?:is|:|=)(?:\s*:)?|####)(\s*)(.*)"
)


def plain(text: str) -> str:
    r"""Text without markdown emphasis, dollar signs and LaTeX's \text{...}, \( \) and \[ \]."""
    text = re.sub(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit)\s*\{([^{}]*)\}", r"\1", text)
    return re.sub(r"\*\*|__|[$`]|(?<!\w)\*(?=\w)|(?<=\w)\*(?!\w)|\\[()\[\]$]", "", text.replace("\r\n", "\n"))


def stated_answer(text: str) -> str:
    r"""Content of the last \boxed{}, else the line after the last "answer is" or heading; "" if there is neither."""
    start = text.rfind("\\boxed{")
    if start >= 0:
        depth, begin = 0, start + len("\\boxed")
        for i in range(begin, len(text)):
            depth += {"{": 1, "}": -1}.get(text[i], 0)
            if depth == 0:
                return text[begin + 1 : i].strip()
    gap, answer = (_ANSWER.findall(text) or [("", "")])[-1]
    return "" if gap.count("\n") > 1 and is_prose(answer) else answer.strip()


def boxed(response: str) -> str:
    r"""The answer that stands alone under the last "answer:" or heading, in \boxed{}; else the response as it is."""
    text = plain(response)
    stated = list(_ANSWER.finditer(text))
    if not stated or "\\boxed" in response:
        return response
    gap, answer = stated[-1].groups()
    alone = "\n" in gap and re.match(r"\s*\n[ \t]*\n|\s*\Z", text[stated[-1].end() :])
    return f"\\boxed{{{answer.strip(' .')}}}" if alone and answer.strip(" .") and not is_prose(answer) else response


def is_prose(line: str) -> bool:
    """Whether a line has more than three words, LaTeX's commands and single letters aside."""
    return len(re.findall(r"(?<!\\)\b[A-Za-z]{2,}", line)) > 3
