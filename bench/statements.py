"""The service's own SQL as pgbench scripts: taken from the repository class, so that the two can not drift apart."""
import re
import textwrap
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent / "Gallery.Sql" / "Images"

PROMPT = "Create a vibrant sunset landscape with mountains"
METADATA = '{"model":"gemini-pro","generation_time":3.5}'

# How each statement begins, and what else tells it from the others.
MARKS = {
    "get": ("select", "i.image_id = n.image_id"),
    "list": ("select", "i.user_id = @UserId", "i.deleted_at is null"),
    "trash": ("select", "i.user_id = @UserId", "i.deleted_at is not null"),
    "create": ("insert into gallery.image", "on conflict (image_id) do update"),
    "delete": ("update gallery.image", "set deleted_at = now()"),
    "restore": ("update gallery.image", "set deleted_at = null"),
}

# What pgbench gives for each parameter: one row, one id, the first page. The texts are variables, sent with each execution as the
# service sends them: with a constant or an expression in their place PostgreSQL may choose another plan, and keep it.
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
    "limit": 51,        # the service asks for one row more than the page has
    "prompt": PROMPT,
    "intent": "generate",
    "metadata": METADATA,
    "nobody": "{NULL}",
    "ready": 0,
}
IDS = 32   # of each pgbench client; pgbench takes 128 scripts at most


def find(operation):
    """The statement as the service has it, with its @Names."""
    literals = [
        textwrap.dedent(text).strip()
        for file in sorted(REPOSITORY.glob("*.cs"))
        for text in re.findall(r'"""\n(.*?)"""', file.read_text(), re.DOTALL)
    ]
    start, *marks = MARKS[operation]
    found = [sql for sql in literals if sql.startswith(start) and all(mark in sql for mark in marks)]
    if len(found) != 1:
        raise SystemExit(f"bench: {len(found)} statements in {REPOSITORY.name}/*.cs look like '{operation}', not one; see MARKS in bench/statements.py")
    return found[0]


def pgbench_scripts(operation):
    """One statement a transaction, autocommitted. Of several scripts pgbench draws one at random for each transaction."""
    if operation in ("list", "trash"):
        return ["\\set user random(0, :users - 1)\n" + _fill(operation, VALUES)]
    if operation == "create":
        return ["\\set user random(0, :users - 1)\n" + _fill("create", NEW_IMAGE)]

    # pgbench's expressions know numbers only. So each client first asks for ids of its own (md5 of their numbers, as loaded), to
    # send as the arrays that the service sends, and there is a script for each of them.
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
            raise SystemExit(f"bench: the statement '{operation}' has a new parameter, {match[0]}; give it a value in bench/statements.py")
        return values[match[1]]

    return re.sub(r"@(\w+)", value, find(operation)) + ";\n"
