"""What a browser shows of a page."""

from html.parser import HTMLParser


def text_of(markup):
    """The text, and the tags in order."""
    shown, tags = [], []

    class Reader(HTMLParser):
        def handle_data(self, data):
            shown.append(data)

        def handle_starttag(self, tag, attrs):
            tags.append(tag)

    Reader().feed(markup)
    return "".join(shown), tags
