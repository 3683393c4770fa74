"""Reads web pages: title, text and links, and nothing that is too big."""
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
from fastapi import HTTPException
from pydantic import BaseModel, HttpUrl

from common.text import keywords
from common.web import make_app, serve

NAME = "UnifiedWebAgent"
LIMIT = 2_000_000

app = make_app(NAME)


class Page(HTMLParser):
    SILENT = {"script", "style", "noscript"}

    def __init__(self):
        super().__init__()
        self.title, self.text, self.links = "", [], []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attributes) -> None:
        if tag in self.SILENT or tag == "title":
            self._open.append(tag)
        link = dict(attributes).get("href")
        if tag == "a" and link:
            self.links.append(link)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "title":
            self.title += data.strip()
        elif not inside and data.strip():
            self.text.append(data.strip())


class Wanted(BaseModel):
    url: HttpUrl


@app.post("/read")
def read(wanted: Wanted) -> dict:
    body = b""
    try:
        with httpx.stream("GET", str(wanted.url), timeout=5.0,
                          follow_redirects=True) as reply:
            for part in reply.iter_bytes():
                body += part
                if len(body) > LIMIT:
                    raise HTTPException(413, "the page is too big")
    except httpx.HTTPError as wrong:
        raise HTTPException(502, str(wrong))
    return digest(body.decode(errors="replace"), str(wanted.url))


def digest(html: str, url: str) -> dict:
    page = Page()
    page.feed(html)
    text = " ".join(page.text)
    return {"title": page.title, "text": text[:5000],
            "keywords": keywords(text),
            "links": [urljoin(url, link) for link in page.links[:100]]}


if __name__ == "__main__":
    serve(app, NAME)
