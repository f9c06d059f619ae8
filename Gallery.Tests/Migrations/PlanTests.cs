using System.Text.Json;
using Dapper;
using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Migrations;

public sealed class PlanTests(TestServer server)
{
    [Fact]
    public async Task A_plan_prints_each_pending_script_in_full_and_its_hash_and_writes_nothing()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        var before = await database.CatalogAsync();

        var plan = await Exe.RunAsync(database, "plan");

        Assert.Equal(0, plan.ExitCode);
        foreach (var script in ScriptFolder.ReadEmbedded())
            Assert.Contains(script.Body.TrimEnd(), plan.Output, StringComparison.Ordinal);
        Assert.Contains("\nplan: sha256:", plan.Output, StringComparison.Ordinal);
        Assert.Equal(before, await database.CatalogAsync());
    }

    [Theory]
    [InlineData("alter table gallery.thing add column c int not null default 1", "AccessExclusiveLock", false, false)]
    [InlineData("alter table gallery.thing add column c float default random()", "AccessExclusiveLock", true, true)]
    [InlineData("alter table gallery.thing alter column b set not null", "AccessExclusiveLock", false, true)]
    [InlineData("alter table gallery.thing add constraint thing_b_there check (b is not null) not valid", "AccessExclusiveLock", false, false)]
    [InlineData("alter table gallery.thing add constraint thing_b_there check (b is not null)", "AccessExclusiveLock", false, true)]
    [InlineData("alter table gallery.thing add constraint thing_b_fkey foreign key (b) references gallery.other (id)", "ShareRowExclusiveLock", false, true)]
    [InlineData("alter table gallery.thing add constraint thing_b_fkey foreign key (b) references gallery.other (id) not valid", "ShareRowExclusiveLock", false, false)]
    [InlineData("alter table gallery.thing alter column b type bigint", "AccessExclusiveLock", true, true)]
    [InlineData("create index thing_b_idx on gallery.thing (b)", "ShareLock", false, true)]
    [InlineData("comment on table gallery.thing is 'x'", "ShareUpdateExclusiveLock", false, false)]
    public async Task A_rehearsal_measures_what_a_statement_does_to_an_existing_table(
        string statement, string mode, bool rewritten, bool scanned)
    {
        using var scripts = new ScriptsOnDisk()
            .Put("0001_create_thing.sql", """
                create schema gallery;
                create table gallery.other (id int primary key);
                create table gallery.thing (id int primary key, b int);
                create index thing_b_id_idx on gallery.thing (b, id);   -- reads the table too, but in script 0001
                """)
            .Put("0002_alter_thing.sql", statement + "; create table gallery.newer (id int); alter table gallery.newer add column x int default random();");

        var rows = await Rehearsal.RunAsync(
            new RehearsalServer(new NpgsqlConnectionStringBuilder(server.AdminConnectionString)),
            MigrationPlan.Make(scripts.Read(), [], null),
            rows: 0,
            TestContext.Current.CancellationToken);

        var locks = TableLock.Parse(rows["0002_alter_thing.sql"].Locks);
        var thing = Assert.Single(locks, each => each.Table == "gallery.thing");
        Assert.Equal((mode, rewritten, scanned), (thing.Mode, thing.Rewritten, thing.Scans > 0));
        Assert.DoesNotContain(locks, each => each.Table == "gallery.newer");   // a lock on a new table blocks nobody
        Assert.Empty(TableLock.Parse(rows["0001_create_thing.sql"].Locks));
    }

    [Fact]
    public async Task A_plan_with_a_scratch_server_shows_the_locks_and_leaves_no_scratch_database()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_thing.sql", "create schema gallery; create table gallery.thing (id int);");
        await database.ApplyAsync(scripts);
        scripts.Put("0002_alter_thing.sql", "alter table gallery.thing alter column id type bigint;");

        // A separate role, to tell this test's databases from those of other tests.
        var role = $"gallery_rehearser_{Guid.NewGuid():n}";
        await using var admin = new NpgsqlConnection(server.AdminConnectionString);
        await admin.ExecuteAsync($"create role {role} login createdb password '{role}'");
        var scratch = new NpgsqlConnectionStringBuilder(server.AdminConnectionString) { Username = role, Password = role, Database = "postgres" }.ConnectionString;   // the private server closes its own database to other roles

        var text = await PlanAsync(database, scratch, scripts, "text");
        Assert.Equal($"{MigratorSession.Describe(new(database.ConnectionString))}\n", text.Error);
        Assert.Contains("gallery.thing: ACCESS EXCLUSIVE lock, blocks reads and writes; the table is rewritten", text.Output, StringComparison.Ordinal);

        using var json = JsonDocument.Parse((await PlanAsync(database, scratch, scripts, "json")).Output);
        Assert.Equal("0001_create_thing.sql", json.RootElement.GetProperty("applied")[0].GetProperty("name").GetString());
        var pending = json.RootElement.GetProperty("pending")[0];
        Assert.Equal("AccessExclusiveLock", pending.GetProperty("locks")[0].GetProperty("mode").GetString());
        Assert.Contains("alter table gallery.thing", pending.GetProperty("body").GetString(), StringComparison.Ordinal);

        scripts.Put("0002_alter_thing.sql", "alter table gallery.thing drop column nope;");
        var failed = await PlanAsync(database, scratch, scripts, "text");
        Assert.Equal(4, failed.ExitCode);
        Assert.Contains("the real database was not changed", failed.Error, StringComparison.Ordinal);

        Assert.Empty(await admin.QueryAsync<string>("select datname from pg_database where pg_get_userbyid(datdba) = @role", new { role }));
        await admin.ExecuteAsync($"drop role {role}");
    }

    [Fact]
    public async Task A_rehearsal_can_have_generated_rows()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        using var scripts = ScriptsOnDisk.OfTheRelease();
        scripts.Put("9999_alter_image.sql", "alter table gallery.image alter column revision type numeric;");

        var text = await PlanAsync(database, server.AdminConnectionString, scripts, "text", "--rehearse-rows", "2000");
        using var json = JsonDocument.Parse((await PlanAsync(database, server.AdminConnectionString, scripts, "json", "--rehearse-rows", "2000")).Output);

        Assert.Matches(@"took \d+ ms on the scratch database, with 2,000 images", text.Output);
        var locks = json.RootElement.GetProperty("pending")[0].GetProperty("locks").EnumerateArray();
        Assert.InRange(locks.Single(each => each.GetProperty("table").GetString() == "gallery.image").GetProperty("rows").GetInt64(), 2000, long.MaxValue);
    }

    [Fact]
    public async Task Generated_rows_fill_every_table_that_grows_with_the_images()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var connection = new NpgsqlConnection(database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);

        await RehearsalRows.FillAsync(connection, 100, TestContext.Current.CancellationToken);

        Assert.Equal(["change_feed", "visit_salt"], await database.ListAsync(
            "select relname from pg_class where relnamespace = 'gallery'::regnamespace and relkind = 'r' and reltuples <> 100 order by relname"));
    }

    [Fact]
    public async Task Rows_for_a_rehearsal_without_a_server_are_an_error()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);

        var run = await Exe.RunAsync(database, "plan", "--rehearse-rows", "10");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("set GALLERY_REHEARSAL", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_server_for_the_rehearsal_is_an_error_of_its_setting()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_thing.sql", "create schema gallery;");

        var run = await PlanAsync(database, "nonsense", scripts, "text");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("GALLERY_REHEARSAL cannot be read.", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("DATABASE_URL", run.Error, StringComparison.Ordinal);
    }

    private static async Task<ExeResult> PlanAsync(TestDatabase database, string scratch, ScriptsOnDisk scripts, string output, params string[] more)
    {
        using var exe = Exe.Start(
            database.ConnectionString,
            new Dictionary<string, string> { [RehearsalServer.Setting] = scratch },
            ["plan", "--scripts", scripts.Folder, "--output", output, .. more]);
        return await exe.WaitAsync();
    }
}
