"""Writes small Python functions from a signature and checks that they parse."""
import ast
import textwrap

from common.agent import Agent
from common.client import Peer

RETURNS = {"int": "0", "float": "0.0", "str": '""', "bool": "False",
           "list": "[]", "dict": "{}"}


class CodeGenerator(Agent):
    def setup(self) -> None:
        self.models = Peer("ModelOpsCoordinator", timeout_ms=500)

    def do_generate(self, name: str, arguments: dict[str, str],
                    returns: str = "None", purpose: str = "") -> dict:
        words = ", ".join(f"{key}: {kind}" for key, kind in arguments.items())
        body = self.models.ask_or({}, "complete", text=purpose).get(
            "code", f"return {RETURNS.get(returns, 'None')}")
        source = (f"def {name}({words}) -> {returns}:\n"
                  f'    """{purpose or name}"""\n'
                  + textwrap.indent(body, "    ") + "\n")
        return {"source": source, **self.do_check(source)}

    def do_check(self, source: str) -> dict:
        try:
            tree = ast.parse(source)
        except SyntaxError as wrong:
            return {"parses": False, "why": f"line {wrong.lineno}: "
                    f"{wrong.msg}"}
        names = [node.name for node in ast.walk(tree)
                 if isinstance(node, ast.FunctionDef)]
        return {"parses": True, "functions": names}


if __name__ == "__main__":
    CodeGenerator().run()
