"""Teaches by questions; what was answered wrong comes again sooner."""
from pathlib import Path

import yaml

from common.agent import Agent
from common.store import Store
from common.text import likeness

# Beside this file in the tree, and so in the image.
LESSONS = Path(__file__).parent / "../data/lessons.yaml"


class TutoringServiceAgent(Agent):
    def setup(self) -> None:
        self.lessons = yaml.safe_load(LESSONS.read_text(encoding="utf-8"))
        self.store = Store("tutoring")

    def boxes(self, user: str, subject: str) -> list[int]:
        count = len(self.lessons[subject])
        return self.store.get(f"{user}:{subject}", [0] * count)

    def do_subjects(self) -> dict:
        return {"subjects": sorted(self.lessons)}

    def do_next(self, user: str, subject: str) -> dict:
        if subject not in self.lessons:
            raise ValueError("subjects: " + ", ".join(self.lessons))
        boxes = self.boxes(user, subject)
        number = boxes.index(min(boxes))
        return {"number": number,
                "question": self.lessons[subject][number]["question"]}

    def do_answer(self, user: str, subject: str, number: int,
                  text: str) -> dict:
        lesson = self.lessons[subject][number]
        right = likeness(text, lesson["answer"]) >= 0.5
        boxes = self.boxes(user, subject)
        boxes[number] = boxes[number] + 1 if right else 0
        self.store.put(f"{user}:{subject}", boxes)
        return {"right": right, "answer": lesson["answer"]}


if __name__ == "__main__":
    TutoringServiceAgent().run()
