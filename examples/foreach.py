"""Map and reduce: one task for each verse, and in each of them one task for each line, all counting words.

The inner join adds up the lines of a verse, the outer join adds up the verses; inputs come in the order of the items.
"""

from collections import Counter

from metaflow import FlowSpec, step

POEM = {
    "first": ["Tyger Tyger, burning bright,", "In the forests of the night;", "What immortal hand or eye,"],
    "second": ["In what distant deeps or skies,", "Burnt the fire of thine eyes?"],
    "third": ["What the hand, dare seize the fire?"],
}


class ForeachFlow(FlowSpec):
    """Count the words of a poem by William Blake, line by line."""

    @step
    def start(self):
        self.verses = list(POEM)
        self.next(self.split_verse, foreach="verses")

    @step
    def split_verse(self):
        self.verse = self.input
        self.lines = POEM[self.verse]
        self.next(self.count_line, foreach="lines")

    @step
    def count_line(self):
        words = self.input.lower().replace(",", " ").replace(";", " ").replace("?", " ").split()
        self.counts = Counter(words)
        # Where are we? One (index, number of siblings, item) for each foreach around us, the outermost first.
        (outer, verses, verse), (inner, lines, _) = self.foreach_stack()
        print(f"verse {outer + 1} of {verses} ({verse}), line {inner + 1} of {lines}: {len(words)} words")
        self.next(self.join_lines)

    @step
    def join_lines(self, inputs):
        self.verse = inputs[0].verse
        self.counts = sum((task.counts for task in inputs), Counter())
        self.next(self.join_verses)

    @step
    def join_verses(self, inputs):
        self.words_in = {task.verse: sum(task.counts.values()) for task in inputs}
        self.counts = sum((task.counts for task in inputs), Counter())
        self.next(self.end)

    @step
    def end(self):
        for verse, words in self.words_in.items():
            print(f"the {verse} verse has {words} words")
        frequent = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:3]
        print("most frequent: " + ", ".join(f"{word} ({n})" for word, n in frequent))


if __name__ == "__main__":
    ForeachFlow()
