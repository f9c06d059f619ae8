using System.Text.Json;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Gallery.Tests.Readme;
using Npgsql;

namespace Gallery.Tests.Migrations;

public sealed class VerifyTests(TestServer server)
{
    [Fact]
    public async Task A_migrated_database_passes_verify_which_only_reads()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync($"alter database {new NpgsqlConnectionStringBuilder(database.ConnectionString).Database} set default_transaction_read_only = on");

        Assert.Equal(0, (await Exe.RunAsync(database, "verify")).ExitCode);
    }

    [Fact]
    public async Task A_database_without_scripts_is_not_called_ok()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);

        var run = await Exe.RunAsync(database, "verify");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("scripts are pending, so drift was not checked: run apply first", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ok:", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_is_not_written_while_scripts_are_pending()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        using var scripts = ScriptsOnDisk.OfTheRelease();
        scripts.Put("9999_add_note.sql", "alter table gallery.image add column note text;");

        var run = await Exe.RunAsync(database, "verify", "--write-snapshot", "--scripts", scripts.Folder);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("1 scripts are pending, so the snapshot was not written: run apply first.", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("alter table gallery.image add column extra int", " extra integer")]
    [InlineData("drop index gallery.image_deleted_at_image_id_idx", "- index CREATE INDEX image_deleted_at_image_id_idx")]
    [InlineData("alter table gallery.image drop constraint image_user_id_length", "- constraint gallery.image image_user_id_length")]
    [InlineData("create function gallery.f() returns int language sql as 'select 1'", "+ function gallery.f()")]
    [InlineData("create function gallery.t() returns trigger language plpgsql as 'begin return new; end'; create trigger t before insert on gallery.image for each row execute function gallery.t()", "+ trigger CREATE TRIGGER t")]
    [InlineData("alter table gallery.image enable row level security", "row_security=t")]
    [InlineData("alter table gallery.image_event set unlogged", "persistence=u")]
    [InlineData("alter table gallery.image replica identity nothing", "replica_identity=n")]
    [InlineData("alter table gallery.image alter column intent type text collate \"C\"", "collate \"C\"")]
    [InlineData("create rule r as on delete to gallery.image do instead nothing", "+ rule CREATE RULE r")]
    [InlineData("create domain gallery.short as text not null check (char_length(value) < 9)", "+ domain gallery.short text not null")]
    [InlineData("create statistics gallery.pair on user_id, intent from gallery.image", "+ statistics CREATE STATISTICS gallery.pair")]
    [InlineData("create type gallery.mood as enum ('a', 'b')", "+ enum gallery.mood a,b")]
    [InlineData("create sequence gallery.s", "+ sequence gallery.s bigint")]
    [InlineData("grant select on gallery.image to pg_monitor", "+ grant gallery.image SELECT to pg_monitor")]
    public async Task A_change_that_no_script_made_is_drift(string change, string line)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync(change);

        var run = await Exe.RunAsync(database, "verify");

        Assert.Equal(6, run.ExitCode);
        Assert.Contains(line, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("alter table gallery.image set (fillfactor = 70, autovacuum_enabled = false)")]
    [InlineData("alter table gallery.image replica identity full")]
    [InlineData("create index image_intent_idx on gallery.image (intent)")]
    [InlineData("create statistics gallery.pair on user_id, intent from gallery.image")]
    public async Task A_tuning_is_drift_unless_it_is_allowed(string tuning)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync(tuning);

        Assert.Equal(6, (await Exe.RunAsync(database, "verify")).ExitCode);
        Assert.Equal(0, (await Exe.RunAsync(database, "verify", "--allow-drift")).ExitCode);
    }

    [Theory]
    [InlineData("create unique index image_intent_idx on gallery.image (intent)")]
    [InlineData("drop index gallery.image_deleted_at_image_id_idx")]
    [InlineData("drop statistics if exists gallery.image_words; alter table gallery.image enable row level security")]
    public async Task What_changes_a_result_is_never_allowed_as_tuning(string change)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync(change);

        Assert.Equal(6, (await Exe.RunAsync(database, "verify", "--allow-drift")).ExitCode);
    }

    [Theory]
    [InlineData("grant delete on gallery.image to gallery_readonly", "gallery_readonly has DELETE on gallery.image, which sql/roles.sql does not grant")]
    [InlineData("grant update on gallery.usage_line to gallery_app", "gallery_app has UPDATE on gallery.usage_line")]
    [InlineData("grant delete on gallery.usage_tally to gallery_app", "gallery_app has DELETE on gallery.usage_tally")]
    [InlineData("grant insert on gallery_migrations.journal to gallery_app", "gallery_app has INSERT on gallery_migrations.journal")]
    [InlineData("revoke insert on gallery.image from gallery_app", "gallery_app lacks INSERT on gallery.image, as sql/roles.sql grants")]
    [InlineData("alter table gallery.image owner to gallery_migrator", "table gallery.image belongs to gallery_migrator")]
    [InlineData("alter schema gallery owner to gallery_migrator", "schema gallery belongs to gallery_migrator: alter schema gallery owner to gallery_owner")]
    [InlineData("alter schema gallery_migrations owner to current_user", "schema gallery_migrations belongs to ")]
    [InlineData("alter function gallery.image_folded(text) owner to gallery_migrator", "function gallery.image_folded(text) belongs to gallery_migrator")]
    [InlineData("grant create on schema gallery to gallery_app", "gallery_app has CREATE on schema gallery, which sql/roles.sql does not grant")]
    [InlineData("revoke usage on schema gallery from gallery_readonly", "gallery_readonly lacks USAGE on schema gallery, as sql/roles.sql grants")]
    [InlineData("grant update (kind) on gallery.usage_line to gallery_app", "gallery_app has UPDATE on gallery.usage_line (kind)")]
    [InlineData("revoke update (quantity) on gallery.usage_tally from gallery_app", "gallery_app lacks UPDATE on gallery.usage_tally (quantity)")]
    public async Task An_owner_or_a_grant_that_roles_sql_does_not_give_is_drift(string change, string sentence)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync(change);

        var run = await Exe.RunAsync(database, "verify");

        Assert.Equal(6, run.ExitCode);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_journal_that_was_changed_by_hand_is_reported()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync("update gallery_migrations.journal set body = body || ' -- and more'");

        foreach (var command in new[] { "verify", "apply" })
        {
            var run = await Exe.RunAsync(database, command);
            Assert.Equal(6, run.ExitCode);
            Assert.Contains("changed by hand", run.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("grant select on gallery.image to public", "gallery.image grants SELECT to every role")]
    [InlineData("grant select (image_id) on gallery.image to anon", "gallery.image is open to anon")]
    [InlineData("grant delete on gallery.image to anon", "gallery.image is open to anon")]
    [InlineData("create view gallery.everything as select user_id from gallery.image", "the view gallery.everything reads with its owner's rights")]
    [InlineData("create view public.everything as select user_id from gallery.image; grant select on public.everything to anon", "the view public.everything reads gallery.image and is open to anon")]
    [InlineData("create materialized view public.copy as select user_id from gallery.image; grant select on public.copy to public", "the view public.copy reads gallery.image and is open to every role")]
    [InlineData("grant update (intent) on gallery.image to public", "gallery.image grants UPDATE to every role")]
    [InlineData("create view public.a with (security_invoker) as select user_id from gallery.image; create view public.b as select * from public.a; grant select on public.b to anon", "the view public.b reads gallery.image and is open to anon")]
    [InlineData("create function gallery.f() returns int language sql security definer as 'select 1'", "gallery.f() runs with its owner's rights")]
    public async Task Access_that_bypasses_the_service_is_reported_and_exits_with_9(string change, string sentence)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await TestRoles.CreateAsync(server, "anon");
        await database.ExecuteAsync(change);
        using var scripts = ScriptsOnDisk.OfTheRelease();

        // A snapshot that accepts the change does not hide the exposure.
        var run = await Exe.RunAsync(database, "verify", "--write-snapshot", "--scripts", scripts.Folder);
        Assert.Equal(9, run.ExitCode);
        Assert.Contains(sentence, run.Error, StringComparison.Ordinal);

        Assert.Equal(9, (await Exe.RunAsync(database, "verify", "--scripts", scripts.Folder)).ExitCode);
    }

    [Fact]
    public async Task An_invalid_index_fails_verify_by_name()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await database.ExecuteAsync("insert into gallery.image (image_id, user_id, image_url) select gen_random_uuid(), 'u', 'x' from generate_series(1, 2)");
        await Assert.ThrowsAsync<PostgresException>(() => database.ExecuteAsync("create unique index concurrently twice on gallery.image (user_id)"));

        var run = await Exe.RunAsync(database, "verify");

        Assert.Equal(6, run.ExitCode);
        Assert.Contains("gallery.twice is invalid", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_committed_snapshot_is_what_the_scripts_make()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);

        Repository.AssertCommitted(await database.SnapshotAsync(), "sql", Snapshot.FileName);
    }

    [Fact]
    public async Task Status_lists_each_script_as_a_table_or_as_json_and_exits_with_3_on_request_if_some_are_pending()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_one.sql", "select 1;");
        await database.ApplyAsync(scripts);
        scripts.Put("0002_create_two.sql", "select 2;");

        var table = await Exe.RunAsync(database, "status", "--scripts", scripts.Folder);
        var json = await Exe.RunAsync(database, "status", "--scripts", scripts.Folder, "--output", "json", "--exit-code");

        Assert.Equal((0, 3), (table.ExitCode, json.ExitCode));
        Assert.Matches(@"0001_create_one\.sql +applied +ok +\d{4}-", table.Output);
        Assert.Matches(@"0002_create_two\.sql +pending +-", table.Output);
        using var document = JsonDocument.Parse(json.Output);
        Assert.Equal(["applied", "pending"], document.RootElement.EnumerateArray().Select(each => each.GetProperty("state").GetString()));

        scripts.Put("0001_create_one.sql", "select 11;");
        var edited = await Exe.RunAsync(database, "status", "--scripts", scripts.Folder, "--exit-code");
        Assert.Equal(6, edited.ExitCode);
        Assert.Matches(@"0001_create_one\.sql +edited +differs", edited.Output);
    }
}
