"""Starts what a launch file says, where `ros2 launch` is not installed (it is not on PyPI).

  python3 tests/ros/start_launch_file.py launch/sim.launch.xml task:=stack_blocks

Knows what our launch files use and refuses the rest: <arg> with default and description, one <executable> with cmd and
output, $(var NAME), $(dirname). Becomes the process that it starts.
"""

import os
import re
import shlex
import sys
import xml.etree.ElementTree as xml

KNOWN = {"launch": set(), "arg": {"name", "default", "description"}, "executable": {"cmd", "output"}}


def command(path, given):
    """The argument list of the file's executable, with arguments as in `name:=value`."""
    here = os.path.dirname(os.path.abspath(path))
    variables, commands = {}, []

    def substitute(text):
        def one(match):
            kind, _, name = match.group(1).partition(" ")
            if kind == "dirname" and not name:
                return here
            if kind == "var" and name in variables:
                return variables[name]
            raise SystemExit(f"{path}: cannot substitute {match.group(0)}")
        return re.sub(r"\$\(([^)]*)\)", one, text)

    root = xml.parse(path).getroot()
    for element in (root, *root):
        unknown = set(element.attrib) - KNOWN.get(element.tag, set()) if element.tag in KNOWN else {element.tag}
        if unknown or (element is not root and len(element)):
            raise SystemExit(f"{path}: <{element.tag}>: not known here: {', '.join(unknown) or 'children'}")
        if element.tag == "arg":
            name = element.attrib["name"]
            if name not in given and "default" not in element.attrib:
                raise SystemExit(f"{path}: argument {name} has no default: give {name}:=VALUE")
            variables[name] = given[name] if name in given else substitute(element.attrib["default"])
        elif element.tag == "executable":
            # Split as launch does: first the words, then the values, so that a value may hold blanks.
            commands.append([substitute(word) for word in words(element.attrib["cmd"])])
    if strangers := set(given) - set(variables):
        raise SystemExit(f"{path}: no argument {', '.join(sorted(strangers))}; it has {', '.join(variables)}")
    if len(commands) != 1:
        raise SystemExit(f"{path}: {len(commands)} executables, one is known here")
    return commands[0]


def words(text):
    """Like a shell, but $(var NAME) is one word."""
    return [word.replace("\0", " ") for word in shlex.split(re.sub(r"\$\(var ", "$(var\0", text))]


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    given = dict(argument.split(":=", 1) for argument in sys.argv[2:] if ":=" in argument)
    if len(given) != len(sys.argv) - 2:
        raise SystemExit("arguments of a launch file look like name:=value")
    arguments = command(sys.argv[1], given)
    print(shlex.join(arguments), flush=True)
    os.execvp(arguments[0], arguments)


if __name__ == "__main__":
    main()
