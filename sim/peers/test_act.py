#!/usr/bin/env python3
"""Tests of act.py and report.py without lerobot; run by tests/tests/a_simulator_is_one_bridge_away.rs."""
import contextlib
import io
import os
import tempfile
import types
import unittest

import act
import report
from bridge import wire


class Evaluation(unittest.TestCase):
    def test_what_was_measured_before_an_error_is_kept(self):
        class World:
            def reset(self, task, seed):
                if seed == 12:
                    raise wire.Refusal("internal", "the task cannot be placed")
                return types.SimpleNamespace(sentence="stack them", done=True, success=True, secs=1.0, error=None)

        actor = types.SimpleNamespace(reset=lambda: None)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            rows, incomplete = act.play(World(), actor, ["stack_cups"], range(10, 15), 10.0, 20.0)
        self.assertEqual([row["seed"] for row in rows], [10, 11])
        self.assertEqual(incomplete, "stack_cups, 12: Refusal: the task cannot be placed")
        table = report.tabulate({}, rows, incomplete)
        self.assertEqual((table["tasks"]["stack_cups"]["episodes"], table["incomplete"]), (2, incomplete))
        self.assertNotIn("incomplete", report.tabulate({}, rows))


class Training(unittest.TestCase):
    def test_a_run_killed_between_two_checkpoints_goes_on_from_the_last(self):
        with tempfile.TemporaryDirectory() as out:
            act.recover(out)
            self.assertEqual(os.listdir(out), [])
            os.mkdir(os.path.join(out, "checkpoint.old"))
            for _ in range(2):
                act.recover(out)
                self.assertEqual(os.listdir(out), ["checkpoint"])
            # One that was only not yet taken away stays as it is.
            os.mkdir(os.path.join(out, "checkpoint.old"))
            act.recover(out)
            self.assertEqual(sorted(os.listdir(out)), ["checkpoint", "checkpoint.old"])


if __name__ == "__main__":
    unittest.main()
