"""Whether a reply declines the task, in the languages that judges fall into."""

import re
import unicodedata

from lib.grm.fence import visible

LOOKED_AT = 300  # characters: a refusal comes first

_SORRY = (
    r"(?:(?:i'm|i am|we're|we are) (?:very |so |really |truly )?sorry|sorry|i apologi[sz]e|unfortunately|apologies)"
)
_ABLE = (
    r"(?:(?:can ?not|can't|won't|will not|must not)|(?:'m|am|'re|are) (?:unable|not able) to|(?:must|have to) decline)"
)
_DEED = r"(?:help|assist|comply|continue|fulfil|provide|engage|participate|discuss|respond|do (?:that|this|so))"
_DECLINE = rf"(?:{_ABLE} (?:\w+ )?{_DEED}|(?:must|have to) decline)"
_OPENINGS = (
    rf"(?:{_SORRY}[,.;:!]* ?(?:but )?)?(?:as an? [\w -]{{2,40}}, )?(?:i|we) ?{_DECLINE}\b",
    r"(?:es tut mir leid, (?:aber )?ich kann|ich kann (?:dabei|damit|dir|ihnen|hierbei)(?: \w+)? nicht)",
    r"(?:je suis désolée?,? (?:mais )?je ne peux pas|je ne peux pas (?:vous |t')?(?:aider|répondre|continuer))",
    r"(?:lo siento,? (?:pero )?no puedo|no puedo (?:ayudar|continuar|responder))",
    r"(?:desculpe,? (?:mas )?não posso|mi dispiace,? (?:ma )?non posso)",
    r"(?:(?:很|非常)?(?:抱歉|对不起),? ?(?:但)?我(?:无法|不能)|我(?:无法|不能)(?:提供|协助|帮助|满足|完成|继续))",
    r"申し訳(?:ありません|ございません)",
    r"(?:(?:извините|простите|к сожалению),? (?:но )?я не могу|я не могу (?:помочь|продолжить|ответить))",
)
_REFUSAL = re.compile("|".join(_OPENINGS))


def is_refusal(text: str) -> bool:
    """Whether a text opens by declining to do what was asked; that something could not be found or told is none."""
    clear = unicodedata.normalize("NFKC", visible(text)[:LOOKED_AT]).casefold().replace("’", "'")
    return _REFUSAL.match(" ".join(clear.split())) is not None
