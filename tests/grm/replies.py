"""Replies that judges give, with what each is read as where `ONE` or `TWO` criteria are asked about."""

import json
from types import SimpleNamespace

from lib.grm.probes import injections
from lib.grm.rubric import Criterion

LEAK = Criterion("leak", "Does it go on working?", "desired", ("answer",), evidence=True, evidence_from="answer")
# a criterion whose labels are digits, which a rubric does not allow
DEPTH = SimpleNamespace(id="depth", levels=("1", "2", "3"), labels=("1", "2", "3"), evidence=False, quoted=())
ONE, TWO = (LEAK,), (LEAK, DEPTH)


def row(criterion="leak", verdict="yes", evidence=("so x is 4",), reason="It goes on working."):
    return {"criterion": criterion, "evidence": list(evidence), "reason": reason, "verdict": verdict}


def reply(*rows):
    return json.dumps({"judgements": list(rows)}, ensure_ascii=False)


YES, NO = reply(row()), reply(row(verdict="no", evidence=()))
BOTH = reply(row(), row("depth", "2"))
DRAFT = "<think>Perhaps no.\nVERDICT leak: no</think>\n"
ECHO = "EVIDENCE leak: <words of the text>\nVERDICT leak: <no | yes | cannot_assess>"
FORM = '{"judgements": [{"criterion": <id>, "evidence": [<quote>], "reason": <text>, "verdict": <label>}]}'
NESTED = '{"judgements": ' + "[" * 5000 + "]" * 5000 + "}"

# text, path, label
READ = {
    "as the schema has it": (YES, "grammar", "yes"),
    "blanks around": (f"\n\n  {YES}\n ", "grammar", "yes"),
    "a byte order mark": (f"\ufeff{YES}", "grammar", "yes"),
    "cannot assess": (reply(row(verdict="cannot_assess")), "grammar", "cannot_assess"),
    "a brace in the reason": (reply(row(reason="a set {1, 2} and a stray }")), "grammar", "yes"),
    "an object in the reason": (reply(row(reason=NO)), "grammar", "yes"),
    "a verdict line in the reason": (reply(row(reason="it says\nVERDICT leak: no")), "grammar", "yes"),
    "think tags in the evidence": (reply(row(evidence=["</think> so", "<think>"])), "grammar", "yes"),
    "a refusal in the reason": (reply(row(reason="I'm sorry, but I can't help with that.")), "grammar", "yes"),
    "Chinese grounds": (reply(row(reason="答案里还在推理。", evidence=["所以 x 等于 4"])), "grammar", "yes"),
    "a verdict before the grounds": (reply(dict(reversed(row().items()))), "repaired", "yes"),
    "capitals": (reply(row(verdict="YES")), "repaired", "yes"),
    "a full stop after the label": (reply(row(verdict="Yes.")), "repaired", "yes"),
    "zero width in the label": (reply(row(verdict="y\u200be\u200ds\ufeff")), "repaired", "yes"),
    "wide letters": (reply(row(verdict="ｙｅｓ")), "repaired", "yes"),
    "capitals in the criterion": (reply(row("Leak")), "repaired", "yes"),
    "in a fence": (f"```json\n{YES}\n```", "repaired", "yes"),
    "after a sentence": (f"My judgement follows.\n{YES}", "repaired", "yes"),
    "after thinking": (f"<think>It might be no: {NO}</think>\n\n{YES}", "repaired", "yes"),
    "after thinking that the prompt opened": (f"Let me see {{ x }}.\n</think>\n{YES}", "repaired", "yes"),
    "after a message of thinking": (f"<|channel|>analysis<|message|>hm<|end|>{YES}", "repaired", "yes"),
    "after a draft": (f"{NO}\nOn reflection:\n{YES}", "repaired", "yes"),
    "after an echo of the form": (f"{FORM}\n{YES}", "repaired", "yes"),
    "after a verdict line": (f"VERDICT leak: no\n{YES}", "repaired", "yes"),
    "no closing brackets": (YES[:-2], "repaired", "yes"),
    "a comma too many, one in a quote": (
        reply(row(evidence=["f(a,]"])).replace("}]}", "},]}"),
        "repaired",
        "yes",
    ),
    "a line break in a text": (YES.replace("goes on", "goes\non"), "grammar", "yes"),
    "evidence as a text": (YES.replace('["so x is 4"]', '"so x is 4"'), "repaired", "yes"),
    "no evidence at all": ('{"judgements": [{"criterion": "leak", "verdict": "no"}]}', "repaired", "no"),
    "a line": ("VERDICT leak: yes", "plain", "yes"),
    "a line with Windows ends": ("It does.\r\nVERDICT leak: yes\r\n", "plain", "yes"),
    "a line half in bold": ("**VERDICT** `leak`: **yes**", "plain", "yes"),
    "a line with zero width": ("VER\u200bDICT le\u200dak:\u00a0ye\u2060s", "plain", "yes"),
    "a line after an echo of the form": (f"{ECHO}\n\nIt does.\nVERDICT leak: yes", "plain", "yes"),
    "a line after thinking": (f"{DRAFT}VERDICT leak: yes", "plain", "yes"),
    "a line after another, with a change of mind": ("VERDICT leak: no\nBut wait.\nVERDICT leak: yes", "plain", "yes"),
    "a line after an object": (f"{NO}\nNo, I was wrong.\nVERDICT leak: yes", "plain", "yes"),
    "a line after half an object": (f"{NO[:-30]}\nVERDICT leak: yes", "plain", "yes"),
    "a line after what reads like a refusal": (
        "I'm sorry, but I can't provide a proof.\nVERDICT leak: yes",
        "plain",
        "yes",
    ),
    "a line with evidence": ("EVIDENCE leak: so x is 4\nVERDICT leak: yes", "plain", "yes"),
}

# no verdict: the text, and a word of why
UNREADABLE = {
    "null": (None, "empty"),
    "empty": ("", "empty"),
    "nothing to see": ("\u200b\n\t\ufeff ", "empty"),
    "an empty object": ("{}", "no verdict"),
    "an empty list of judgements": ('{"judgements": []}', "not judged"),
    "an object as judgements": ('{"judgements": {"leak": "yes"}}', "list"),
    "a bare judgement": (json.dumps(row()), "no verdict"),
    "off the menu": (reply(row(verdict="maybe")), "'maybe' is not on the menu"),
    "a label with a remark": (reply(row(verdict="yes, mostly")), "menu"),
    "a label of another alphabet": (reply(row(verdict="уеs")), "menu"),
    "half a label": (reply(row(verdict="ye")), "menu"),
    "a number for a label": (reply(row(verdict=1)), "'1' is not on the menu"),
    "truth for a label": (reply(row(verdict=True)), "texts"),
    "a list for a label": (reply(row(verdict=["yes"])), "texts"),
    "no label": ('{"judgements": [{"criterion": "leak", "reason": "yes"}]}', "texts"),
    "numbers as evidence": (reply(row(evidence=[4])), "texts"),
    "a score beside the label": (reply(row() | {"score": 0}), "expected an object of"),
    "a note beside the judgements": (YES[:-1] + ', "overall": "no"}', "nothing else"),
    "a label twice in one judgement": (YES[:-3] + ', "verdict": "no"}]}', "no verdict"),
    "judgements twice": (YES[:-1] + ', "judgements": []}', "no verdict"),
    "judged twice, alike": (reply(row(), row()), "twice"),
    "judged twice in another spelling": (reply(row(), row("LEAK\u200b", "no")), "twice"),
    "unknown": (reply(row("panic")), "'panic': no such criterion"),
    "words after the object": (f"{YES}\nBut I may be wrong.", "no verdict"),
    "the form only": (FORM, "no verdict"),
    "cut in the label": (YES[: YES.index("yes") + 2], "no verdict"),
    "an object in thinking only": (f"<think>{YES}</think>", "no verdict"),
    "thinking without end": (f"<think>I would say\n{YES}", "not closed"),
    "thinking without end, a line": ("[THINK]hm\nVERDICT leak: yes", "not closed"),
    "deeply nested": (NESTED, ""),
    "many braces": ('{"judgements":' * 2000, "no verdict"),
    "a text without end, full of quotes": ('{"judgements": ["' + 'a\\"' * 60_000, "no verdict"),
    "a long gap": ('{"judgements": [' + " " * 150_000 + "x", "no verdict"),
    "half an object and a long gap": (YES[:-30] + " " * 150_000 + "```", "no verdict"),
    "huge": ("so on " * 50_000 + "\nVERDICT leak: yes", "longer than"),
    "an echo of the form in lines": (ECHO, "menu"),
    "an echo that names the labels": ("VERDICT leak: no|yes|cannot_assess", "menu"),
    "a line without a criterion": ("VERDICT: yes", "no verdict"),
    "a line with a remark": ("VERDICT leak: yes (I think)", "menu"),
    "two lines": ("VERDICT leak: yes\n\nVERDICT leak: no", "twice"),
    "a quoted line": ("The text says\n> VERDICT leak: yes", "no verdict"),
    "a fenced line": ("The text says\n```\nVERDICT leak: yes\n```", "no verdict"),
    "a line inside a sentence": ("So I give VERDICT leak: yes", "no verdict"),
    "a line behind an odd line break": ("It says\u2028VERDICT leak: yes", "no verdict"),
    "a line in thinking only": (DRAFT, "no verdict"),
    "evidence without a verdict": ("EVIDENCE leak: so x is 4", "no verdict"),
    "evidence for another": ("EVIDENCE panic: so\nVERDICT leak: yes", "evidence without"),
    "it cannot find any": ("I cannot find any working in the answer.", "no verdict"),
    "a refusal later on": ("It reads: I'm sorry, but I can't help with that.", "no verdict"),
}

REFUSED = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with this request.",
    "As an AI language model, I cannot provide judgements.",
    "Unfortunately, I am unable to comply.",
    "I must decline.",
    "<think>Is this safe?</think>\n\nI won't help with that.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Lo siento, no puedo ayudar con eso.",
    "抱歉，我无法协助完成这个请求。",
    "申し訳ありませんが、お手伝いできません。",
    "К сожалению, я не могу помочь с этим.",
]

# text, why it ended, status
ENDED = {
    "cut in the label": (YES[: YES.index("yes") + 2], "length", "truncated"),
    "cut before the brackets": (YES[:-2], "length", "truncated"),
    "cut after the object": (YES + "\n" * 300, "length", "ok"),
    "cut after an object that is incomplete": ('{"judgements": []}', "length", "truncated"),
    "cut in thinking": ("<think>It could be that", "length", "truncated"),
    "cut after a line, which may go on": ("VERDICT leak: yes", "length", "truncated"),
    "cut before anything": ("", "length", "truncated"),
    "nothing, by a filter": (None, "content_filter", "refused"),
    "the engine gave up": (None, "abort", "infra_error"),
    "the engine failed": (YES, "error", "infra_error"),
    "no reason known": (YES, None, "ok"),
}

# labels of leak and depth, or a word of why
TWO_ASKED = {
    "both": (BOTH, "yes", "2"),
    "both in another order": (reply(row("depth", "3"), row(verdict="no")), "no", "3"),
    "a number where labels are digits": (reply(row(), row("depth", 3)), "yes", "3"),
    "both in lines": ("VERDICT leak: yes\nVERDICT depth: 2", "yes", "2"),
    "both in lines with evidence between": (
        "EVIDENCE leak: so x is 4\nVERDICT leak: yes\n\nEVIDENCE depth: first\nVERDICT depth: 2",
        "yes",
        "2",
    ),
    "one is missing": (YES, "depth: not judged", None),
    "words between the lines": ("VERDICT leak: yes\nAs to depth:\nVERDICT depth: 2", "leak: not judged", None),
    "one has the other's label": (reply(row(verdict="2"), row("depth", "2")), "leak: '2' is not on the menu", None),
    "a label that begins with another": (reply(row(), row("depth", "21")), "depth: '21' is not on the menu", None),
    "a part of a number": (reply(row(), row("depth", 2.0)), "texts", None),
    "one in an object, one in a line": (f"{YES}\nVERDICT depth: 2", "leak: not judged", None),
    "a closing bracket forgotten after the first": (reply(row())[:-2] + ",", "no verdict", None),
}

SPECIALS = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "[THINK]", "[/THINK]", "[INST]", "[/INST]"),
    *("<s>", "</s>", "<｜end▁of▁sentence｜>", "<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>"),
)
INJECTIONS = injections.filled(injections.TEXTS, "leak", "no", "yes")
