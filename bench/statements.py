"""The service's SQL as pgbench scripts. It is read from the repository class, so that both stay the same."""
import re
import textwrap
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent / "Gallery.Sql" / "Images"

PROMPT = "Create a vibrant sunset landscape with mountains"
METADATA = '{"model":"gemini-pro","generation_time":3.5}'

# How each statement begins, and what distinguishes it from the others.
MARKS = {
    "get": ("select", "i.image_id = n.image_id"),
    "list": ("select", "i.user_id = @UserId", "i.deleted_at is null"),
    "trash": ("select", "i.user_id = @UserId", "i.deleted_at is not null"),
    "create": ("insert into gallery.image", "on conflict (image_id) do update"),
    "delete": ("update gallery.image", "set deleted_at = now()"),
    "restore": ("update gallery.image", "set deleted_at = null"),
}

# pgbench's values for the parameters: one row, one id, the first page. Texts are variables that are sent with each execution, as
# the service does. With a constant or an expression, PostgreSQL may choose another plan and keep it.
VALUES = {
    "UserId": "('user' || :user::text)",
    "At": ":at",
    "ImageId": ":image_id",
    "Limit": ":limit",
}
NEW_IMAGE = {
    "ImageIds": "array[gen_random_uuid()]",
    "UserIds": "array['user' || :user::text]",
    "ImageUrls": "array['https://res.cloudinary.com/demo/image/upload/' || gen_random_uuid() || '.jpg']",
    "RefinedPrompts": "array[:prompt]",
    "Intents": "array[:intent]",
    "Metadata": "array[:metadata]",
    "LockTimeout": "null",
}
VARIABLES = {
    "at": "infinity",   # before the first page
    "image_id": "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "limit": 51,        # the service requests one row more than a page has
    "prompt": PROMPT,
    "intent": "generate",
    "metadata": METADATA,
    "nobody": "{NULL}",
    "ready": 0,
}
IDS = 32   # per pgbench client; pgbench accepts at most 128 scripts


def find(operation):
    """The service's statement, with its @Names."""
    literals = [
        textwrap.dedent(text).strip()
        for file in sorted(REPOSITORY.glob("*.cs"))
        for text in re.findall(r'"""\n(.*?)"""', file.read_text(), re.DOTALL)
    ]
    start, *marks = MARKS[operation]
    found = [sql for sql in literals if sql.startswith(start) and all(mark in sql for mark in marks)]
    if len(found) != 1:
        raise SystemExit(f"bench: {len(found)} statements in {REPOSITORY.name}/*.cs look like '{operation}', not one; correct MARKS in bench/statements.py")
    return found[0]


def pgbench_scripts(operation):
    """One autocommitted statement per transaction. For each, pgbench chooses one of the scripts at random."""
    if operation in ("list", "trash"):
        return ["\\set user random(0, :users - 1)\n" + _fill(operation, VALUES)]
    if operation == "create":
        return ["\\set user random(0, :users - 1)\n" + _fill("create", NEW_IMAGE)]

    # pgbench's expressions support only numbers. So each client first selects its ids (md5 of their numbers, as loaded) in the form
    # of the arrays that the service sends. There is one script per id.
    columns = ",\n".join(f"'{{' || md5((1 + (:client_id::int * {IDS} + {k}) * :step::int)::text)::uuid || '}}' as ids_{k}" for k in range(IDS))
    states = "".join(f"\\set deleted_{k} 0\n" for k in range(IDS))
    first = f"\\if :ready = 0\nselect {columns} \\gset\n{states}\\set ready 1\n\\endif\n"
    of_ids = lambda k: {"ImageIds": f":ids_{k}", "UserIds": ":nobody", "LockTimeout": "null"}
    if operation == "get":
        return [first + _fill("get", of_ids(k)) for k in range(IDS)]
    return [
        f"{first}\\if :deleted_{k} = 1\n" + _fill("restore", of_ids(k)) + f"\\set deleted_{k} 0\n"
        "\\else\n" + _fill("delete", of_ids(k)) + f"\\set deleted_{k} 1\n\\endif\n"
        for k in range(IDS)
    ]


def _fill(operation, values):
    def value(match):
        if match[1] not in values:
            raise SystemExit(f"bench: the statement '{operation}' has a new parameter {match[0]}; add its value in bench/statements.py")
        return values[match[1]]

    return re.sub(r"@(\w+)", value, find(operation)) + ";\n"
