"""What goes over the wire between services: JSON, checked by pydantic."""
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """{"action": "...", and the fields of that action}."""
    model_config = ConfigDict(extra="allow")
    action: str

    @property
    def fields(self) -> dict[str, Any]:
        return self.model_extra or {}


def decode(data: bytes) -> Request:
    return Request.model_validate(orjson.loads(data))


def encode(value: dict) -> bytes:
    return orjson.dumps(value, default=str,
                        option=orjson.OPT_SERIALIZE_NUMPY)


def failure(why: object) -> dict:
    return {"status": "error", "why": str(why)}
