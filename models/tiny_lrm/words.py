"""The words in which a TinyLRM is interrupted while it learns, with their paraphrases."""

SYSTEMS = (
    "The user may interrupt you while you think. If you are asked to stop, answer at once.",
    "The user may send new information while you think. Use it.",
    "Think step by step. The user may ask you to hurry.",
)
# What params/interrupts said when the models were trained; who edits a file there does not change the recipe.
WORDING = {
    "end_thinking": "\n\nThe user needs an answer now, so I stop thinking here and answer from what I have so far.\n",
    "force_answer": "\n\nThe user needs an answer now, so I stop thinking here and give only the final answer, "
    "with no more steps.\n",
    "speed_up": "\n\nThe user is in a hurry, so I keep the rest short.\n",
    "update": "\n\n<update>{update}</update>\n",
    "update_guided": "\n\nThe user has sent new information about this problem: <update>{update}</update> I trust it, "
    "and from here on I reason with it.\n",
}
PARAPHRASES = {
    "end_thinking": (
        "\n\nI have to stop thinking here. I answer with what I have.\n",
        "\n\nThe user does not want to wait any longer, so here is my answer.\n",
        "\n\nTime is up. I give the answer now.\n",
    ),
    "force_answer": (
        "\n\nI have to stop thinking here and give only the answer.\n",
        "\n\nNo more steps: the user wants only the final answer now.\n",
        "\n\nTime is up. Only the final answer counts.\n",
    ),
    "speed_up": (
        "\n\nI was asked to hurry, so I will be quick.\n",
        "\n\nThere is little time left. I finish this fast.\n",
        "\n\nThe user asks me to be faster from here on.\n",
    ),
    "update": (
        "\n\n<update>\n{update}\n</update>\n",
        "\n\nUpdate: {update}\n",
        "\n\nThe problem has changed: {update}\n",
    ),
    "update_guided": (
        "\n\nThe user corrects the problem: <update>{update}</update> I know that this is true and use it.\n",
        "\n\nI have received an update that comes from the user: {update} I take it into account.\n",
        "\n\n<update>{update}</update>\nThis is from the user, and I can rely on it.\n",
    ),
}
USER_TURNS = {
    "speed_up": ("Please hurry up.", "I am in a hurry. Keep it short.", "Be quick, please."),
    "update": ("<update>{update}</update>", "Update: {update}", "I made a mistake. {update}"),
}
