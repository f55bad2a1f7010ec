"""Generated word problems of whole numbers: the story, the thought of a TinyLRM, and what is true of both."""
