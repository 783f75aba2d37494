"""What was seen of each operation, and the table of it."""

from dataclasses import dataclass, field

from .model import OPERATIONS
from .responses import check


@dataclass
class Entry:
    """One operation."""

    calls: int = 0
    successes: int = 0
    members: int = 0
    violations: int = 0
    answered_right: int = 0
    provoked: set = field(default_factory=set)
    pages: str = ""
    problems: list = field(default_factory=list)


class Ledger:
    """`unprovoked` maps (operation, exception) to why no test can provoke it, `unanswered` an operation to why it
    cannot succeed yet. A reason that turns out to be wrong is a problem like any other."""

    def __init__(self, unprovoked, unanswered):
        self.entries = {name: Entry() for name in OPERATIONS}
        self.unprovoked = unprovoked
        self.unanswered = unanswered
        self.problems = []  # of no operation

    def response(self, operation, response, told):
        """Checks a response; `told` is what the request was, for the reader of a problem."""
        entry = self.entries[operation.name]
        checked = check(operation, response)
        entry.calls += 1
        entry.members += checked.members
        entry.successes += response.status == 200
        for problem in checked.problems:
            self.problem(operation.name, f"{told}: {problem}")

    def problem(self, name, text):
        """Each one once, however often it is seen."""
        problems = self.entries[name].problems if name in self.entries else self.problems
        if text not in problems:
            problems.append(text)

    def refused(self, name, code):
        """The operation was refused with this exception, as it was meant to be."""
        self.entries[name].provoked.add(code)

    def close(self):
        """Turns what is missing into problems; to be called once, when all is done."""
        for name, entry in self.entries.items():
            if not entry.calls:
                entry.problems.append("was never called")
            if name in self.unanswered and entry.successes:
                entry.problems.append(f"succeeded, though it is listed that it cannot: {self.unanswered[name]}")
            if name not in self.unanswered and not entry.successes:
                entry.problems.append("never succeeded")
            if not entry.violations and OPERATIONS[name].model.input_shape.members:
                entry.problems.append("no constraint was violated")
            if name.startswith("List") and name != "ListTagsForResource" and not entry.pages:
                entry.problems.append("was not paged through")
            for code in OPERATIONS[name].errors:
                known = (name, code) in self.unprovoked
                if known and code in entry.provoked:
                    entry.problems.append(f"{code} was provoked, though it is listed that it cannot be")
                if not known and code not in entry.provoked:
                    entry.problems.append(f"{code} is modelled and was not provoked")

    def passed(self):
        return sum(not entry.problems for entry in self.entries.values())

    def table(self):
        lines = [f"{'operation':32} {'calls':>6} {'members':>8} {'violations':>11} {'errors':>7} {'pages':>14}  "]
        for name, entry in self.entries.items():
            violations = f"{entry.answered_right}/{entry.violations}"
            provoked = f"{len(entry.provoked & set(OPERATIONS[name].errors))}/{len(OPERATIONS[name].errors)}"
            verdict = f"{len(entry.problems)} problems" if entry.problems else "pass"
            lines.append(f"{name:32} {entry.calls:6} {entry.members:8} {violations:>11} {provoked:>7} {entry.pages:>14}  "
                         f"{verdict}")
        reasons = {}
        for (name, code), reason in self.unprovoked.items():
            reasons.setdefault(reason, []).append(f"{name} {code.removesuffix('Exception')}")
        lines += ["", "Modelled exceptions that nothing provokes, and why:"]
        lines += [f"  {reason}:\n    {', '.join(cases)}" for reason, cases in reasons.items()]
        lines += ["", "Operations that cannot succeed yet, and why:"]
        lines += [f"  {name}: {reason}" for name, reason in self.unanswered.items()]
        return "\n".join(lines)

    def differences(self, most=None):
        """The problems in full, `most` for each operation."""
        found = [(name, entry.problems) for name, entry in self.entries.items() if entry.problems]
        found += [("(no operation)", self.problems)] * bool(self.problems)
        lines = []
        for name, problems in found:
            lines += [f"{name}: {problem}" for problem in problems[:most]]
            if most and len(problems) > most:
                lines.append(f"{name}: and {len(problems) - most} more")
        return lines
