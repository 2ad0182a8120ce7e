"""Models of your own: each function with the decorator can be named in conf/model/*.yaml."""

from typing import Any

import evalrunner

WORDS = {
    "billing": ("charged", "invoice", "refund"),
    "delivery": ("parcel", "courier"),
    "account": ("password", "log in", "account", "logged in"),
}


@evalrunner.model
def answer(prompt: str, case: dict[str, Any]) -> str:
    """The first team whose words are in the ticket: put the call of your own model here.

    `prompt` is the rendered template, which is what a language model would be asked.
    """
    ticket = case["input"].lower()
    for team, words in WORDS.items():
        if any(word in ticket for word in words):
            return team
    return f"no rule for: {prompt[-40:]}"
