using Gallery.Sql.Migrations;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

public sealed class ResolveTests(TestServer server)
{
    [Theory]
    [InlineData("create index concurrently thing_id_idx on gallery.thing (id);")]
    [InlineData("CREATE UNIQUE INDEX CONCURRENTLY Thing_Id_Idx ON ONLY Gallery.Thing(id)")]
    [InlineData("create index concurrently /* why; not */ thing_id_idx -- on gallery.other\n on \"gallery\" . \"thing\" using btree (id);")]
    public async Task A_script_is_not_resolved_as_applied_if_its_index_is_missing_or_on_another_table(string statement)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await HalfDoneAsync(database, statement);

        Assert.Equal(6, (await ResolveAsync(database, "applied")).ExitCode);
        await database.ExecuteAsync("create index thing_id_idx on gallery.other (id)");
        var another = await ResolveAsync(database, "applied");
        Assert.Equal(6, another.ExitCode);
        Assert.Contains("is not applied", another.Error, StringComparison.Ordinal);

        await database.ExecuteAsync("drop index gallery.thing_id_idx; create index thing_id_idx on gallery.thing (id)");
        Assert.Equal(0, (await ResolveAsync(database, "applied")).ExitCode);
    }

    [Theory]
    [InlineData("create index concurrently on gallery.thing (id)", null)]
    [InlineData("reindex index concurrently gallery.thing_id_idx", null)]
    [InlineData("create index concurrently if not exists \"a \"\"b\"\". c\" on gallery.thing (id)", "\"a \"\"b\"\". c\"")]
    [InlineData("create index concurrently on_it on gallery.thing (id)", "on_it")]
    public void A_concurrent_scripts_text_names_the_index(string statement, string? index) =>
        Assert.Equal(index, ConcurrentIndex.Parse(ScriptsOnDisk.Header + statement)?.Index);

    [Fact]
    public async Task A_refused_resolve_leaves_no_journal_behind()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);

        Assert.Equal(2, (await ResolveAsync(database, "pending")).ExitCode);

        Assert.False(await database.ScalarAsync<bool>("select to_regnamespace('gallery_migrations') is not null"));
    }

    private static Task<ExeResult> ResolveAsync(TestDatabase database, string outcome) =>
        Exe.RunAsync(database, "resolve", "0002_index_thing.sql", "--as", outcome, "--reason", "a test");

    /// <summary>What a run leaves if it is killed before its index is in the catalog.</summary>
    private static async Task<ScriptsOnDisk> HalfDoneAsync(TestDatabase database, string statement)
    {
        var scripts = new ScriptsOnDisk().Put("0001_create_thing.sql", "create schema gallery; create table gallery.thing (id int); create table gallery.other (id int);");
        await database.ApplyAsync(scripts);
        scripts.PutConcurrent("0002_index_thing.sql", statement);
        var script = scripts.Read()[1];
        await database.ExecuteAsync($"""
            insert into gallery_migrations.journal (script, run_id, checksum, body, state, in_transaction, client, tool_version)
            values ('{script.Name}', gen_random_uuid(), '{script.Checksum}', $b${script.Body}$b$, 'running', false, 'a test', '0');
            """);
        return scripts;
    }
}
