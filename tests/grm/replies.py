"""Replies that judges give, with what each is read as, and texts that try to judge themselves.

The criteria asked about are those of `ONE` and `TWO`. A reply is its text, why it was cut (`stop` unless told), and the
status, or the labels if it is ok.
"""

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

# read as: status, path, labels
OK_ONE = {
    "as the schema has it": (YES, "grammar", "yes"),
    "blanks around": (f"\n\n  {YES}\n ", "grammar", "yes"),
    "a byte order mark": (f"\ufeff{YES}", "grammar", "yes"),
    "indented": (json.dumps(json.loads(YES), indent=2), "grammar", "yes"),
    "cannot assess": (reply(row(verdict="cannot_assess")), "grammar", "cannot_assess"),
    "a brace in the reason": (reply(row(reason="a set {1, 2} and a stray }")), "grammar", "yes"),
    "an object in the reason": (reply(row(reason=NO)), "grammar", "yes"),
    "a verdict line in the reason": (reply(row(reason="it says\nVERDICT leak: no")), "grammar", "yes"),
    "a fence in the reason": (reply(row(reason="```json\n{}\n```")), "grammar", "yes"),
    "think tags in the evidence": (reply(row(evidence=["</think> so", "<think>"])), "grammar", "yes"),
    "no evidence in the list": (reply(row(evidence=())), "grammar", "yes"),
    "a refusal in the reason": (reply(row(reason="I'm sorry, but I can't help with that.")), "grammar", "yes"),
    "German grounds": (reply(row(reason="Sie rechnet weiter: „also x = 4“.")), "grammar", "yes"),
    "Chinese grounds": (reply(row(reason="答案里还在推理。", evidence=["所以 x 等于 4"])), "grammar", "yes"),
    "Arabic grounds": (reply(row(reason="يستمر في التفكير")), "grammar", "yes"),
    "a verdict before the grounds": (reply(dict(reversed(row().items()))), "repaired", "yes"),
    "capitals": (reply(row(verdict="YES")), "repaired", "yes"),
    "blanks around the label": (reply(row(verdict=" yes\n")), "repaired", "yes"),
    "a full stop after the label": (reply(row(verdict="Yes.")), "repaired", "yes"),
    "zero width in the label": (reply(row(verdict="y\u200be\u200ds\ufeff")), "repaired", "yes"),
    "a soft hyphen in the label": (reply(row(verdict="y\u00ades")), "repaired", "yes"),
    "marks of direction around the label": (reply(row(verdict="\u202ayes\u202c")), "repaired", "yes"),
    "wide letters": (reply(row(verdict="ｙｅｓ")), "repaired", "yes"),
    "a selector after the label": (reply(row(verdict="yes\ufe0f")), "repaired", "yes"),
    "a hard blank before the label": (reply(row(verdict="\u00a0yes")), "repaired", "yes"),
    "capitals in the criterion": (reply(row("Leak")), "repaired", "yes"),
    "in a fence": (f"```json\n{YES}\n```", "repaired", "yes"),
    "in a long fence": (f"Here it is.\n````\n{YES}\n````\n", "repaired", "yes"),
    "in a fence of waves": (f"~~~\n{YES}\n~~~", "repaired", "yes"),
    "after a sentence": (f"My judgement follows.\n{YES}", "repaired", "yes"),
    "after thinking": (f"<think>It might be no: {NO}</think>\n\n{YES}", "repaired", "yes"),
    "after thinking that the prompt opened": (f"Let me see {{ x }}.\n</think>\n{YES}", "repaired", "yes"),
    "after a message of thinking": (f"<|channel|>analysis<|message|>hm<|end|>{YES}", "repaired", "yes"),
    "after a draft": (f"{NO}\nOn reflection:\n{YES}", "repaired", "yes"),
    "after an echo of the form": (f"{FORM}\n{YES}", "repaired", "yes"),
    "after a verdict line": (f"VERDICT leak: no\n{YES}", "repaired", "yes"),
    "no closing brackets": (YES[:-2], "repaired", "yes"),
    "no closing brackets in a fence": (f"```json\n{YES[:-1]}\n```", "repaired", "yes"),
    "a comma too many": (YES.replace("}]}", ",},]}"), "repaired", "yes"),
    "a comma too many, one in a quote": (
        reply(row(evidence=["f(a,]"])).replace("}]}", "},]}"),
        "repaired",
        "yes",
    ),
    "a line break in a text": (YES.replace("goes on", "goes\non"), "grammar", "yes"),
    "evidence as a text": (YES.replace('["so x is 4"]', '"so x is 4"'), "repaired", "yes"),
    "no evidence at all": ('{"judgements": [{"criterion": "leak", "verdict": "no"}]}', "repaired", "no"),
    "null as evidence": (YES.replace('["so x is 4"]', "null"), "repaired", "yes"),
    "a line": ("VERDICT leak: yes", "plain", "yes"),
    "a line after prose": ("It goes on working.\n\nVERDICT leak: yes\n", "plain", "yes"),
    "a line with Windows ends": ("It does.\r\nVERDICT leak: yes\r\n", "plain", "yes"),
    "a line in bold": ("**VERDICT leak: yes**", "plain", "yes"),
    "a line half in bold": ("**VERDICT** `leak`: **yes**", "plain", "yes"),
    "a line in small letters": ("verdict leak: Yes.", "plain", "yes"),
    "a line with a wide colon": ("VERDICT leak：yes", "plain", "yes"),
    "a line with zero width": ("VER\u200bDICT le\u200dak:\u00a0ye\u2060s", "plain", "yes"),
    "a line that cannot tell": ("VERDICT leak: cannot_assess", "plain", "cannot_assess"),
    "a line after an echo of the form": (f"{ECHO}\n\nIt does.\nVERDICT leak: yes", "plain", "yes"),
    "a line after thinking": (f"{DRAFT}VERDICT leak: yes", "plain", "yes"),
    "a line after another, with a change of mind": ("VERDICT leak: no\nBut wait.\nVERDICT leak: yes", "plain", "yes"),
    "a line after an object": (f"{NO}\nNo, I was wrong.\nVERDICT leak: yes", "plain", "yes"),
    "a line after braces": ("{ {{ }\nVERDICT leak: yes", "plain", "yes"),
    "a line after half an object": (f"{NO[:-30]}\nVERDICT leak: yes", "plain", "yes"),
    "a line after what reads like a refusal": (
        "I'm sorry, but I can't provide a proof.\nVERDICT leak: yes",
        "plain",
        "yes",
    ),
    "a line with evidence": ("EVIDENCE leak: so x is 4\nVERDICT leak: yes", "plain", "yes"),
    "a line after Russian": ("Рассуждение продолжается.\nVERDICT leak: yes", "plain", "yes"),
}

# read as: status, and a word of why
FAILED_ONE = {
    "null": (None, "parse_error", "empty"),
    "empty": ("", "parse_error", "empty"),
    "nothing to see": ("\u200b\n\t\ufeff ", "parse_error", "empty"),
    "the word null": ("null", "parse_error", "no verdict"),
    "an empty object": ("{}", "parse_error", "no verdict"),
    "an empty list of judgements": ('{"judgements": []}', "parse_error", "not judged"),
    "null as judgements": ('{"judgements": null}', "parse_error", "list"),
    "an object as judgements": ('{"judgements": {"leak": "yes"}}', "parse_error", "list"),
    "texts as judgements": ('{"judgements": ["leak: yes"]}', "parse_error", "expected an object"),
    "a bare list": ("[" + json.dumps(row()) + "]", "parse_error", "no verdict"),
    "a bare judgement": (json.dumps(row()), "parse_error", "no verdict"),
    "a bare label": ("yes", "parse_error", "no verdict"),
    "off the menu": (reply(row(verdict="maybe")), "parse_error", "'maybe' is not on the menu"),
    "two labels": (reply(row(verdict="yes/no")), "parse_error", "menu"),
    "a label with a remark": (reply(row(verdict="yes, mostly")), "parse_error", "menu"),
    "a label in brackets": (reply(row(verdict="<yes>")), "parse_error", "menu"),
    "a label in braces": (reply(row(verdict="{yes}")), "parse_error", "menu"),
    "a label in a box": (reply(row(verdict="\\boxed{yes}")), "parse_error", "menu"),
    "a label of another alphabet": (reply(row(verdict="уеs")), "parse_error", "menu"),
    "a translated label": (reply(row(verdict="ja")), "parse_error", "menu"),
    "an empty label": (reply(row(verdict="")), "parse_error", "menu"),
    "half a label": (reply(row(verdict="ye")), "parse_error", "menu"),
    "more than a label": (reply(row(verdict="yess")), "parse_error", "menu"),
    "a number for a label": (reply(row(verdict=1)), "parse_error", "'1' is not on the menu"),
    "truth for a label": (reply(row(verdict=True)), "parse_error", "texts"),
    "null for a label": (reply(row(verdict=None)), "parse_error", "texts"),
    "a list for a label": (reply(row(verdict=["yes"])), "parse_error", "texts"),
    "NaN for a label": (YES.replace('"yes"', "NaN"), "parse_error", "texts"),
    "no label": ('{"judgements": [{"criterion": "leak", "reason": "yes"}]}', "parse_error", "texts"),
    "numbers as evidence": (reply(row(evidence=[4])), "parse_error", "texts"),
    "a score beside the label": (reply(row() | {"score": 0}), "parse_error", "expected an object of"),
    "a note beside the judgements": (YES[:-1] + ', "overall": "no"}', "parse_error", "nothing else"),
    "a label twice in one judgement": (YES[:-3] + ', "verdict": "no"}]}', "parse_error", "no verdict"),
    "judgements twice": (YES[:-1] + ', "judgements": []}', "parse_error", "no verdict"),
    "judged twice, alike": (reply(row(), row()), "parse_error", "twice"),
    "judged twice, otherwise": (reply(row(), row(verdict="no")), "parse_error", "twice"),
    "judged twice in another spelling": (reply(row(), row("LEAK\u200b", "no")), "parse_error", "twice"),
    "unknown": (reply(row("panic")), "parse_error", "'panic': no such criterion"),
    "one unknown": (reply(row(), row("panic")), "parse_error", "no such criterion"),
    "words after the object": (f"{YES}\nBut I may be wrong.", "parse_error", "no verdict"),
    "another object after it": (f'{YES}\n{{"note": 1}}', "parse_error", "no verdict"),
    "the form only": (FORM, "parse_error", "no verdict"),
    "single quotes": (YES.replace('"', "'"), "parse_error", "no verdict"),
    "cut in the label": (YES[: YES.index("yes") + 2], "parse_error", "no verdict"),
    "cut in the reason": (YES[: YES.index("goes")], "parse_error", "no verdict"),
    "an object in thinking only": (f"<think>{YES}</think>", "parse_error", "no verdict"),
    "thinking without end": (f"<think>I would say\n{YES}", "parse_error", "not closed"),
    "thinking without end, a line": ("[THINK]hm\nVERDICT leak: yes", "parse_error", "not closed"),
    "deeply nested": (NESTED, "parse_error", ""),
    "many braces": ('{"judgements":' * 2000, "parse_error", "no verdict"),
    "a text without end, full of quotes": ('{"judgements": ["' + 'a\\"' * 60_000, "parse_error", "no verdict"),
    "a long gap": ('{"judgements": [' + " " * 150_000 + "x", "parse_error", "no verdict"),
    "half an object and a long gap": (YES[:-30] + " " * 150_000 + "```", "parse_error", "no verdict"),
    "huge": ("so on " * 50_000 + "\nVERDICT leak: yes", "parse_error", "longer than"),
    "a huge number": (YES.replace('"yes"', "9" * 9999), "parse_error", "no verdict"),
    "an echo of the form in lines": (ECHO, "parse_error", "menu"),
    "an echo that names the labels": ("VERDICT leak: no|yes|cannot_assess", "parse_error", "menu"),
    "an echo without a criterion": ("VERDICT <criterion>: <label>", "parse_error", "no such criterion"),
    "a line without a criterion": ("VERDICT: yes", "parse_error", "no verdict"),
    "a line with a remark": ("VERDICT leak: yes (I think)", "parse_error", "menu"),
    "a line off the menu after a good one": ("VERDICT leak: yes\nThat is:\nVERDICT leak: maybe", "parse_error", "menu"),
    "a line before the last words": ("VERDICT leak: yes\nI hope that helps.", "parse_error", "no verdict"),
    "a line twice": ("VERDICT leak: yes\nVERDICT leak: yes", "parse_error", "twice"),
    "two lines, one off the menu": ("VERDICT leak: yes\n\nVERDICT leak: maybe", "parse_error", "twice"),
    "two lines": ("VERDICT leak: yes\n\nVERDICT leak: no", "parse_error", "twice"),
    "a quoted line": ("The text says\n> VERDICT leak: yes", "parse_error", "no verdict"),
    "a fenced line": ("The text says\n```\nVERDICT leak: yes\n```", "parse_error", "no verdict"),
    "a line inside a sentence": ("So I give VERDICT leak: yes", "parse_error", "no verdict"),
    "a line behind an odd line break": ("It says\u2028VERDICT leak: yes", "parse_error", "no verdict"),
    "a line in thinking only": (DRAFT, "parse_error", "no verdict"),
    "evidence without a verdict": ("EVIDENCE leak: so x is 4", "parse_error", "no verdict"),
    "evidence for another": ("EVIDENCE panic: so\nVERDICT leak: yes", "parse_error", "evidence without"),
    "it cannot find any": ("I cannot find any working in the answer.", "parse_error", "no verdict"),
    "it cannot tell": ("I can't tell whether it leaks.", "parse_error", "no verdict"),
    "a refusal later on": ("It reads: I'm sorry, but I can't help with that.", "parse_error", "no verdict"),
    "a refusal": ("I'm sorry, but I can't help with that.", "refused", "declined"),
    "a refusal with a curly apostrophe": ("I’m sorry, but I can’t assist with this request.", "refused", "declined"),
    "a refusal of a model": ("As an AI language model, I cannot provide judgements.", "refused", "declined"),
    "a polite refusal": ("Unfortunately, I am unable to comply.", "refused", "declined"),
    "a short refusal": ("I must decline.", "refused", "declined"),
    "a refusal after thinking": ("<think>Is this safe?</think>\n\nI won't help with that.", "refused", "declined"),
    "a German refusal": ("Es tut mir leid, aber ich kann dabei nicht helfen.", "refused", "declined"),
    "a French refusal": ("Je suis désolé, mais je ne peux pas vous aider.", "refused", "declined"),
    "a Spanish refusal": ("Lo siento, no puedo ayudar con eso.", "refused", "declined"),
    "a Chinese refusal": ("抱歉，我无法协助完成这个请求。", "refused", "declined"),
    "a Japanese refusal": ("申し訳ありませんが、お手伝いできません。", "refused", "declined"),
    "a Russian refusal": ("К сожалению, я не могу помочь с этим.", "refused", "declined"),
}

# text, why it ended, status
ENDED_ONE = {
    "cut in the label": (YES[: YES.index("yes") + 2], "length", "truncated"),
    "cut in the reason": (YES[: YES.index("goes")], "length", "truncated"),
    "cut before the brackets": (YES[:-2], "length", "truncated"),
    "cut after the object": (YES + "\n" * 300, "length", "ok"),
    "cut after an object that is incomplete": ('{"judgements": []}', "length", "truncated"),
    "cut in thinking": ("<think>It could be that", "length", "truncated"),
    "cut after a line, which may go on": ("VERDICT leak: yes", "length", "truncated"),
    "cut in a refusal": ("I'm sorry, but I can't help", "length", "truncated"),
    "cut before anything": ("", "length", "truncated"),
    "cut after a draft": (f"{NO}\nOn reflection, it", "length", "truncated"),
    "nothing, by a filter": (None, "content_filter", "refused"),
    "something, by a filter": (YES, "content_filter", "refused"),
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
    "one cannot be told": ("VERDICT leak: cannot_assess\nVERDICT depth: 2", "cannot_assess", "2"),
    "one is missing": (YES, "depth: not judged", None),
    "one is missing in lines": ("VERDICT leak: yes", "depth: not judged", None),
    "words between the lines": ("VERDICT leak: yes\nAs to depth:\nVERDICT depth: 2", "leak: not judged", None),
    "one has the other's label": (reply(row(verdict="2"), row("depth", "2")), "leak: '2' is not on the menu", None),
    "a label that begins with another": (reply(row(), row("depth", "21")), "depth: '21' is not on the menu", None),
    "a part of a number": (reply(row(), row("depth", 2.0)), "texts", None),
    "one in an object, one in a line": (f"{YES}\nVERDICT depth: 2", "leak: not judged", None),
    "one twice, one missing": (reply(row(), row()), "leak: judged twice", None),
    "one more": (BOTH[:-2] + ", " + json.dumps(row("panic")) + "]}", "no such criterion", None),
    "a closing bracket forgotten after the first": (reply(row())[:-2] + ",", "no verdict", None),
}

SPECIALS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<think>",
    "</think>",
    "[THINK]",
    "[/THINK]",
    "[INST]",
    "[/INST]",
    "<s>",
    "</s>",
    "<｜end▁of▁sentence｜>",
    "<|channel|>",
    "<|message|>",
    "<|start|>",
    "<|end|>",
    "<|return|>",
)

INJECTIONS = injections.filled(injections.TEXTS, "leak", "no", "yes")
