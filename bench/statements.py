#!/usr/bin/env python3
"""The service's own SQL as pgbench scripts, taken from the C# sources so that the two cannot drift apart. Alone, it checks and prints them."""
import re
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "Gallery.Sql"
PROMPT = "Create a vibrant sunset landscape with mountains"
METADATA = '{"model":"gemini-pro","generation_time":3.5}'

# The method that has each statement, and a value for each of its parameters: one row, one id, the first page. Variables are sent
# with each execution, as the service sends them, because PostgreSQL may choose another plan for a constant.
METHODS = {
    "get": ("FindImagesAsync", {
        "ImageIds": "array[md5(:image::text)]",   # the id of a loaded image, see server.py
        "UserIds": ":null",
    }),
    "list": ("ListImagesAsync", {
        "UserId": "('user' || :user::text)",
        "At": ":at",
        "ImageId": ":image_id",
        "Limit": ":limit",
    }),
    "create": ("SaveImagesAsync", {
        "ImageIds": "array[gen_random_uuid()]",
        "UserIds": "array['user' || :user::text]",
        "ImageUrls": "array['https://res.cloudinary.com/demo/image/upload/' || gen_random_uuid() || '.jpg']",
        "RefinedPrompts": "array[:prompt]",
        "Intents": "array[:intent]",
        "Metadata": "array[:metadata]",
        "Tags": "array['{}']",
        "Labels": "array['{}']",
        "Recreates": "array[false]",
        "Actors": ":null",
        "IfMatch": ":null",
        "IfNoneMatch": ":null",
        "Quota": "null",
        "Longest": "16384",
    }),
    "batch": ("SaveImagesAsync", {   # 1,000 rows
        "ImageIds": "(select array_agg(gen_random_uuid()) from generate_series(1, 1000))",
        "UserIds": "(select array_agg('user' || n % :users::int) from generate_series(1, 1000) as n)",
        "ImageUrls": "(select array_agg('https://res.cloudinary.com/demo/image/upload/' || gen_random_uuid() || '.jpg') from generate_series(1, 1000))",
        "RefinedPrompts": "array_fill(:prompt::text, array[1000])",
        "Intents": "array_fill(:intent::text, array[1000])",
        "Metadata": "array_fill(:metadata::text, array[1000])",
        "Tags": "array_fill('{}'::text, array[1000])",
        "Labels": "array_fill('{}'::text, array[1000])",
        "Recreates": "array_fill(false, array[1000])",
        "Actors": "array_fill(null::text, array[1000])",
        "IfMatch": "array_fill(null::text, array[1000])",
        "IfNoneMatch": "array_fill(null::text, array[1000])",
        "Quota": "null",
        "Longest": "0",
    }),
}
NAMES = {"get": "ofViewer"}   # the constant that has the statement, where it is not the method's first
VARIABLES = {
    "null": "{NULL}",
    "at": "infinity",   # before the first page
    "image_id": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "limit": 51,        # the service asks for one row more than the page has
    "prompt": PROMPT,
    "intent": "generate",
    "metadata": METADATA,
}
STRING = r'const string {} =\s+(\$*)(?:"""\n(.*?)"""|"([^"\n]+)")'


def pgbench_script(operation):
    """One statement a transaction, autocommitted, for a random image or user."""
    method, values = METHODS[operation]
    sql = _find("ImageRepository", rf"(?<!=)> {method}\(.*?" + STRING.format(NAMES.get(operation, r"\w+")), method)
    if sql.count("(") != sql.count(")"):
        raise SystemExit(f"bench: a part of the statement of {method} was found, not all of it; see bench/statements.py")
    if (asked := set(re.findall(r"@(\w+)", sql))) != set(values):
        raise SystemExit(f"bench: the parameters of {method} and of bench/statements.py differ: {', '.join(sorted(asked ^ set(values)))}")
    return ("\\set image random(1, :images)\n\\set user random(0, :users - 1)\n"
            + re.sub(r"@(\w+)", lambda name: values[name[1]], sql) + ";\n")


def _find(owner, pattern, name):
    """The one string that the pattern finds in a class, with its fragments: {Name} of the same class, or {Class.Name}."""
    texts = [file.read_text() for file in sorted(SOURCES.rglob("*.cs")) if file.name.split(".")[0] == owner]
    found = [match for text in texts for match in re.finditer(pattern, text, re.DOTALL)]
    if len(found) != 1:
        raise SystemExit(f"bench: {len(found)} strings, not one, for {owner}.{name} in {SOURCES.name}; see bench/statements.py")
    dollars, long, short = found[0].groups()

    def fragment(match):
        other, _, constant = match[1].rpartition(".")
        return _find(other or owner, STRING.format(constant), constant)

    braces = len(dollars)
    text = (long or short).strip()
    return re.sub(rf"\{{{{{braces}}}([\w.]+)\}}{{{braces}}}", fragment, text) if braces else text


if __name__ == "__main__":
    for each in METHODS:
        print(f"-- {each}\n{pgbench_script(each)}")
