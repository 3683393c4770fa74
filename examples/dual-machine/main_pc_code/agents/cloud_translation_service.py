"""Translates by an API in the cloud, else by a small dictionary."""
import os

import httpx

from common import status_page
from common.agent import Agent
from common.store import Store

DICTIONARY = {"de": {"hello": "hallo", "good": "gut", "morning": "Morgen",
                     "thanks": "danke", "light": "Licht"},
              "tl": {"hello": "kumusta", "good": "mabuti", "thanks": "salamat",
                     "morning": "umaga", "light": "ilaw"}}


class CloudTranslationService(Agent):
    def setup(self) -> None:
        self.url = os.environ.get("TRANSLATION_URL", "")
        self.client = httpx.Client(timeout=3.0)
        self.cache = Store("translation")
        self.failures = 0
        status_page.serve(self.settings.health_check_port, lambda: {
            "ok": self.running, "cloud": bool(self.url),
            "cloud_failures": self.failures})

    def in_cloud(self, text: str, language: str) -> str | None:
        if not self.url:
            return None
        try:
            reply = self.client.post(self.url, json={
                "q": text, "source": "auto", "target": language})
            reply.raise_for_status()
            return reply.json()["translatedText"]
        except (httpx.HTTPError, ValueError, KeyError) as wrong:
            self.failures += 1
            self.log.warning("the cloud does not translate: %s", wrong)
            return None

    def do_translate(self, text: str, language: str) -> dict:
        key = f"{language}:{text}"
        known = self.cache.get(key)
        if known:
            return {"text": known, "by": "cache"}
        translated = self.in_cloud(text, language)
        if translated:
            self.cache.put(key, translated, seconds=86400)
            return {"text": translated, "by": "cloud"}
        if language not in DICTIONARY:
            raise ValueError("without the cloud: " + ", ".join(DICTIONARY))
        words = [DICTIONARY[language].get(word.lower(), word)
                 for word in text.split()]
        return {"text": " ".join(words), "by": "dictionary"}


if __name__ == "__main__":
    CloudTranslationService().run()
