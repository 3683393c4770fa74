"""Lights and heating of the rooms that the startup config names."""
from common.agent import Agent
from common.events import Events
from common.store import Store


class SmartHomeAgent(Agent):
    def setup(self) -> None:
        self.store = Store("home")
        self.events = Events(self.name)
        self.rooms = self.settings.config.get("rooms", ["kitchen"])

    def room(self, room: str) -> dict:
        if room not in self.rooms:
            raise ValueError("rooms: " + ", ".join(self.rooms))
        return self.store.get(room, {"light": 0, "celsius": 20.0})

    def change(self, room: str, **values) -> dict:
        state = {**self.room(room), **values}
        self.store.put(room, state)
        self.events.publish(f"home.{room}", **state)
        return {"room": room, **state}

    def do_set_light(self, room: str, level: int) -> dict:
        return self.change(room, light=max(0, min(100, level)))

    def do_set_heating(self, room: str, celsius: float) -> dict:
        if not 5 <= celsius <= 28:
            raise ValueError("between 5 and 28 degrees")
        return self.change(room, celsius=celsius)

    def do_rooms(self) -> dict:
        return {"rooms": {room: self.room(room) for room in self.rooms}}


if __name__ == "__main__":
    SmartHomeAgent().run()
