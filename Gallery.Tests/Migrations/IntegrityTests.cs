using Gallery.Sql.Migrations;
using Gallery.Tests.Database;

namespace Gallery.Tests.Migrations;

public sealed class IntegrityTests(TestServer server)
{
    [Fact]
    public async Task An_edited_script_is_refused_and_the_edit_is_shown()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        scripts.Put("0002_create_two.sql", "create table gallery.two (id bigint);");

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal(6, run.ExitCode);
        Assert.Contains("- create table gallery.two (id int);\n+ create table gallery.two (id bigint);\n", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\uFEFF", "\n")]
    [InlineData("", "\r\n")]
    public async Task Line_ends_and_a_byte_order_mark_do_not_count_as_an_edit(string mark, string lineEnd)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        var path = scripts.PathOf("0001_create_one.sql");
        var before = File.ReadAllBytes(path);
        File.WriteAllText(path, mark + File.ReadAllText(path).Replace("\n", lineEnd, StringComparison.Ordinal));

        Assert.NotEqual(before, File.ReadAllBytes(path));
        Assert.Empty(await database.ApplyAsync(scripts));
    }

    [Fact]
    public async Task A_renamed_script_is_refused_and_both_names_are_shown()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        File.Move(scripts.PathOf("0002_create_two.sql"), scripts.PathOf("0002_create_second.sql"));

        var failure = await database.FailToApplyAsync(scripts);

        Assert.Equal(ExitCode.Integrity, failure.ExitCode);
        Assert.Contains("0002_create_two.sql was applied, but its file is now named 0002_create_second.sql", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_deleted_before_the_last_one_is_refused()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        File.Delete(scripts.PathOf("0001_create_one.sql"));

        var failure = await database.FailToApplyAsync(scripts);

        Assert.Equal(ExitCode.Integrity, failure.ExitCode);
        Assert.Contains("0001_create_one.sql was applied, but its file is missing", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("apply", "a newer release has applied 0002_create_two.sql")]
    [InlineData("status --exit-code", "newer release")]
    [InlineData("plan", "of a newer release: 0002_create_two.sql")]
    public async Task After_a_rollback_scripts_of_the_newer_release_are_named_and_are_no_error(string command, string said)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        File.Delete(scripts.PathOf("0002_create_two.sql"));

        var run = await Exe.RunAsync(database, [.. command.Split(' '), "--scripts", scripts.Folder]);

        Assert.Equal(0, run.ExitCode);
        Assert.Contains(said, run.Output + run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_that_a_newer_release_has_not_finished_does_not_stop_a_rollback()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        await database.ExecuteAsync("update gallery_migrations.journal set state = 'failed' where script like '0002%'");
        File.Delete(scripts.PathOf("0002_create_two.sql"));

        Assert.Empty(await database.ApplyAsync(scripts));
    }

    [Fact]
    public async Task A_script_that_became_pending_behind_a_newer_release_is_refused()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        scripts.Put("0004_create_four.sql", "create table gallery.four (id int);");
        await database.ApplyAsync(scripts);
        File.Delete(scripts.PathOf("0004_create_four.sql"));
        scripts.Put("0003_create_late.sql", "create table gallery.late (id int);");

        var failure = await database.FailToApplyAsync(scripts);

        Assert.Equal(ExitCode.Integrity, failure.ExitCode);
        Assert.Contains("0003_create_late.sql has a lower number than an applied script", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_script_with_a_lower_number_than_an_applied_one_is_refused()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        File.Move(scripts.PathOf("0002_create_two.sql"), scripts.PathOf("0003_create_two.sql"));
        await database.ExecuteAsync("update gallery_migrations.journal set script = '0003_create_two.sql' where script = '0002_create_two.sql'");
        Assert.Empty(await database.ApplyAsync(scripts));
        scripts.Put("0002_create_late.sql", "create table gallery.late (id int);");

        var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder);

        Assert.Equal(6, run.ExitCode);
        Assert.Contains("0002_create_late.sql has a lower number than an applied script", run.Error, StringComparison.Ordinal);
        Assert.False(await database.ScalarAsync<bool>("select to_regclass('gallery.late') is not null"));
    }

    [Fact]
    public async Task An_approved_plan_runs_unchanged_or_not_at_all()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        scripts.Put("0003_create_three.sql", "create table gallery.three (id int);");
        var hash = await PlanAsync(database, scripts);

        scripts.Put("0003_create_three.sql", "create table gallery.three (id bigint);");
        var moved = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--expect-plan", hash);
        Assert.Equal(6, moved.ExitCode);
        Assert.Contains("the plan has changed", moved.Error, StringComparison.Ordinal);
        Assert.Equal(2, (await database.AppliedAsync()).Count);

        scripts.Put("0003_create_three.sql", "create table gallery.three (id int);");
        Assert.Equal(0, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--expect-plan", hash)).ExitCode);
        Assert.Equal(3, (await database.AppliedAsync()).Count);
    }

    [Fact]
    public async Task An_approved_plan_is_also_refused_if_nothing_is_left_to_run()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        var empty = await PlanAsync(database, scripts);
        scripts.Put("0003_create_three.sql", "create table gallery.three (id int);");
        var three = await PlanAsync(database, scripts);
        File.Delete(scripts.PathOf("0003_create_three.sql"));

        foreach (var approved in new[] { three, "sha256:0", "" })
        {
            var run = await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--expect-plan", approved);
            Assert.Equal((6, ""), (run.ExitCode, run.Output));
            Assert.Contains("the plan has changed", run.Error, StringComparison.Ordinal);
        }

        Assert.Equal(0, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--expect-plan", empty)).ExitCode);
    }

    [Fact]
    public async Task An_approved_plan_that_ran_in_full_succeeds_again_until_more_has_run()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        scripts.Put("0003_create_three.sql", "create table gallery.three (id int);");
        var hash = await PlanAsync(database, scripts);

        foreach (var _ in new[] { "first", "again" })
            Assert.Equal(0, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--expect-plan", hash)).ExitCode);
        scripts.Put("0004_create_four.sql", "create table gallery.four (id int);");
        await database.ApplyAsync(scripts);

        Assert.Equal(6, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder, "--expect-plan", hash)).ExitCode);
    }

    [Fact]
    public async Task An_approved_plan_that_ran_in_part_goes_on()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = await AppliedAsync(database);
        scripts.Put("0003_create_three.sql", "create table gallery.three (id int);").Put("0004_alter_one.sql", "alter table gallery.one add column b int;");
        var hash = await PlanAsync(database, scripts);
        await using var reader = await database.OpenAsync();
        await using var reading = await reader.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var command = new Npgsql.NpgsqlCommand("select from gallery.one", reader, reading)) await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        string[] apply = ["apply", "--scripts", scripts.Folder, "--lock-timeout", "100ms", "--lock-retries", "0", "--expect-plan", hash];

        var blocked = await Exe.RunAsync(database, apply);
        await reading.RollbackAsync(TestContext.Current.CancellationToken);
        var again = await Exe.RunAsync(database, apply);
        scripts.Put("0005_create_five.sql", "create table gallery.five (id int);");
        var more = await Exe.RunAsync(database, apply);

        Assert.Equal((4, 0, 6), (blocked.ExitCode, again.ExitCode, more.ExitCode));
        Assert.Equal("0004_alter_one.sql\n", again.Output);
    }

    [Fact]
    public void A_difference_is_shown_without_the_equal_lines_around_it_however_many() => Assert.Equal(
        "- b\n+ c\n+ d", LineDiff.Between(string.Join('\n', [.. Lines(100_000), "b", .. Lines(100_000)]), string.Join('\n', [.. Lines(100_000), "c", "d", .. Lines(100_000)])));

    [Fact]
    public void A_difference_that_is_too_large_is_counted() => Assert.Equal(
        "3000 lines became 3001 lines after line 1. These are too many to show.", LineDiff.Between("x\n" + string.Join('\n', Lines(3000)), "x\n" + string.Join('\n', Lines(3001).Reverse())));

    private static IEnumerable<string> Lines(int count) => Enumerable.Range(0, count).Select(number => $"{number}");

    [Fact]
    public void A_plans_hash_depends_on_the_applied_scripts_and_on_the_pending_ones()
    {
        using var scripts = new ScriptsOnDisk().Put("0001_create_one.sql", "select 1;").Put("0002_create_two.sql", "select 2;");
        var files = scripts.Read();
        var fresh = MigrationPlan.Make(files, [], null).Hash;

        Assert.Equal(fresh, MigrationPlan.Make(files, [], null).Hash);
        Assert.NotEqual(fresh, MigrationPlan.Make(files, [], 1).Hash);
        Assert.NotEqual(MigrationPlan.Make(files, [Row(files[0])], null).Hash, MigrationPlan.Make(files.Skip(1).ToArray(), [], null).Hash);
    }

    private static async Task<string> PlanAsync(TestDatabase database, ScriptsOnDisk scripts)
    {
        var plan = await Exe.RunAsync(database, "plan", "--scripts", scripts.Folder);
        return plan.Output.Split('\n').Single(line => line.StartsWith("plan: ", StringComparison.Ordinal))["plan: ".Length..];
    }

    private static JournalRow Row(MigrationScript script) => new(
        script.Name, Guid.Empty, script.Checksum, script.Body, Journal.Applied, true, DateTime.UnixEpoch, null, "", "", "", "", null, null, null);

    private static async Task<ScriptsOnDisk> AppliedAsync(TestDatabase database)
    {
        var scripts = new ScriptsOnDisk()
            .Put("0001_create_one.sql", "create schema gallery; create table gallery.one (id int);")
            .Put("0002_create_two.sql", "create table gallery.two (id int);");
        await database.ApplyAsync(scripts);
        return scripts;
    }
}
