"""Test Anything Protocol output for the Python tests: what tap.c is for those in C. It decides nothing."""


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, passed, text):
        """Prints a result, and returns whether it passed."""
        self.count += 1
        self.failed += not passed
        print("ok" if passed else "not ok", self.count, "-", text, flush=True)
        return passed

    def same(self, got, want, text):
        return self.ok(got == want, text if got == want else f"{text}: got {got!r}, expected {want!r}")

    def none(self, complaints, text):
        """Passes when there is nothing to complain of; otherwise prints the complaints, a line each."""
        self.ok(not complaints, text)
        for complaint in complaints:
            self.note(complaint)

    def skip(self, reason, text):
        self.count += 1
        print("ok", self.count, "-", text, "# SKIP", reason, flush=True)

    @staticmethod
    def note(text):
        for line in str(text).splitlines():
            print("#", line, flush=True)

    def done(self):
        """Prints the plan; the exit code. Fails when nothing was tested."""
        print(f"1..{self.count}", flush=True)
        return 1 if self.failed or not self.count else 0


def skip_all(reason):
    """The whole output of a test that cannot run here; the exit code."""
    print("1..0 # SKIP", reason)
    return 0
