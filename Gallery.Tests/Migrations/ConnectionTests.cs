using Gallery.Sql.Migrations;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Migrations;

public sealed class ConnectionTests(TestServer server)
{
    private const string Url = "postgresql://u:hunter2@h/d";
    private const string Secret = TestRoles.Password;

    [Fact]
    public async Task A_password_is_in_no_output_whatever_fails()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var target = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        string With(Action<NpgsqlConnectionStringBuilder> change)
        {
            var changed = new NpgsqlConnectionStringBuilder(target.ConnectionString) { Password = target.Password ?? Secret };
            change(changed);
            return changed.ConnectionString;
        }

        (string Connection, int ExitCode)[] cases =
        [
            (With(c => { c.Port = 1; c.Password = Secret; }), 8),
            (With(c => { c.Database = "no_such_database"; }), 8),
            (With(c => { c.Username = "no_such_role"; c.Password = Secret; }), 8),
            (With(c => { c.Host = "no-such-host.invalid"; c.Password = Secret; }), 8),
            ($"postgresql://user:{Secret}@127.0.0.1:1/db?sslmode=nonsense", 2),
            ($"Host=127.0.0.1;Password={Secret};Nonsense=1", 2),
        ];
        foreach (var (connection, exitCode) in cases)
        {
            foreach (var command in new[] { "apply", "status", "verify", "plan" })
            {
                var run = await Exe.RunAsync(connection, command);
                Assert.Equal((exitCode, command), (run.ExitCode, command));
                Assert.DoesNotContain(Secret, run.Everything, StringComparison.Ordinal);
                Assert.DoesNotContain("   at ", run.Everything, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task The_log_names_the_target_without_its_password()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await TestRoles.RunFileAsync(server, database.ConnectionString);
        var connection = new NpgsqlConnectionStringBuilder(TestRoles.As(TestRoles.Migrator, database.ConnectionString));

        var run = await Exe.RunAsync(connection.ConnectionString, "apply");

        Assert.Contains($"{connection.Host}:{connection.Port}/{connection.Database} as gallery_migrator", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, run.Everything, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_connection_may_come_from_a_file()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, database.ConnectionString + "\n", TestContext.Current.CancellationToken);
            Assert.Equal(0, (await Exe.RunAsync(connectionString: null, "status", "--exit-code", "--connection-file", path)).ExitCode);
            await File.WriteAllTextAsync(path, $"postgresql://user:{Secret}@127.0.0.1:1/db?sslmode=nonsense", TestContext.Current.CancellationToken);
            var wrong = await Exe.RunAsync(connectionString: null, "status", "--connection-file", path);
            Assert.Equal((2, false), (wrong.ExitCode, wrong.Error.Contains("DATABASE_URL", StringComparison.Ordinal)));
            Assert.Contains("--connection-file's sslmode takes", wrong.Error, StringComparison.Ordinal);
            await File.WriteAllTextAsync(path, "postgresql://user@127.0.0.1:1/db?pool=5", TestContext.Current.CancellationToken);
            Assert.Contains(
                "warning: --connection-file has parameters that mean nothing here and are ignored: pool",
                (await Exe.RunAsync(connectionString: null, "status", "--connection-file", path)).Error, StringComparison.Ordinal);
            await File.WriteAllTextAsync(path, "", TestContext.Current.CancellationToken);
            Assert.Equal(2, (await Exe.RunAsync(connectionString: null, "status", "--connection-file", path)).ExitCode);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task The_setting_may_name_a_file()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var path = Path.GetTempFileName();
        await File.WriteAllTextAsync(path, database.ConnectionString + "\n", TestContext.Current.CancellationToken);

        using var named = Exe.Start(connectionString: null, new Dictionary<string, string> { ["DATABASE_URL_FILE"] = path }, "status", "--exit-code");
        Assert.Equal(0, (await named.WaitAsync()).ExitCode);
        using var twice = Exe.Start(database.ConnectionString, new Dictionary<string, string> { ["DATABASE_URL_FILE"] = path }, "status");
        Assert.Equal(2, (await twice.WaitAsync()).ExitCode);
        File.Delete(path);
        using var missing = Exe.Start(connectionString: null, new Dictionary<string, string> { ["DATABASE_URL_FILE"] = path }, "status");
        Assert.Contains("DATABASE_URL_FILE names no file", (await missing.WaitAsync()).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_output_is_reported_in_one_line_with_1()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux has /dev/full");
        await using var database = await server.CreateDatabaseAsync(migrated: true);

        var run = await Programs.RunAsync(
            "sh", new Dictionary<string, string> { ["DATABASE_URL"] = database.ConnectionString }, "-c", "cd /tmp && exec dotnet \"$0\" status > /dev/full", Exe.Program);

        Assert.Equal((1, 2), (run.ExitCode, run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));   // the first names the database
    }

    [Theory]
    [InlineData("apply", Url)]
    [InlineData("apply", "--connection-file", Url)]
    [InlineData("apply", "--scripts", Url)]
    [InlineData("apply", "--target", Url)]
    [InlineData("apply", "--lock-timeout", Url)]
    [InlineData("apply", "--lock-retries", Url)]
    [InlineData("status", "--output", Url)]
    [InlineData("plan", "--rehearse-rows", Url)]
    [InlineData("reconcile", "--from", Url)]
    [InlineData("resolve", Url, "--as", Url, "--reason", "x")]
    [InlineData(Url)]
    public async Task A_connection_on_the_command_line_is_not_repeated(params string[] arguments)
    {
        var run = await Exe.RunAsync("Host=127.0.0.1;Port=1;Username=u;Database=d", arguments);

        Assert.Equal((2, false), (run.ExitCode, run.Everything.Contains("hunter2", StringComparison.Ordinal)));
        Assert.NotEmpty(run.Error);
    }

    [Theory]
    [InlineData("status")]
    [InlineData("plan")]
    [InlineData("verify")]
    [InlineData("reconcile")]
    public async Task The_log_names_the_file_of_settings_and_the_database_and_the_output_does_not(string command)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        var (folder, target) = (Directory.CreateTempSubdirectory("gallery-settings-"), new NpgsqlConnectionStringBuilder(database.ConnectionString));
        await File.WriteAllTextAsync(Path.Combine(folder.FullName, ".env"), $"DATABASE_URL='{database.ConnectionString}'\n", TestContext.Current.CancellationToken);

        var run = await Programs.RunAsync("sh", [], "-c", "unset DATABASE_URL; cd \"$1\" && exec dotnet \"$0\" \"$2\"", Exe.Program, folder.FullName, command);
        folder.Delete(recursive: true);

        Assert.Equal((0, $"settings: the environment and {folder.FullName}/.env\n{MigratorSession.Describe(target)}\n"), (run.ExitCode, run.Error));
        Assert.DoesNotContain(".env", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_several_servers_each_is_named_with_its_port() => Assert.Equal(
        "one:5432, two:5433/d as u", MigratorSession.Describe(new NpgsqlConnectionStringBuilder { Host = "one,two:5433", Database = "d", Username = "u" }));

    [Theory]
    [InlineData("status")]
    [InlineData("apply", "--connection-file", "/no/such/file")]
    [InlineData("apply", "--connection-file", "/")]
    [InlineData("apply", "--lock-timeout", "soon")]
    [InlineData("apply", "--lock-timeout", "0s")]
    [InlineData("apply", "--lock-timeout", "9999999min")]
    [InlineData("apply", "--lock-retries", "-1")]
    [InlineData("apply", "--lock-retries", "many")]
    [InlineData("apply", "--scripts", "/no/such/folder")]
    [InlineData("bogus")]
    [InlineData("resolve", "0001_x_y.sql", "--as", "done", "--reason", "x")]
    [InlineData("baseline")]
    public async Task Without_a_database_or_with_a_wrong_option_it_says_what_to_set_and_exits_with_2(params string[] arguments)
    {
        // Only the one-argument cases test a missing database.
        var run = await Exe.RunAsync(arguments.Length == 1 ? null : "Host=127.0.0.1;Port=1;Username=u;Database=d", arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.NotEmpty(run.Error);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_older_than_15_is_refused()
    {
        var failure = Assert.Throws<MigrationException>(() => MigratorSession.ThrowIfTooOld(new Version(14, 9)));
        Assert.Equal(ExitCode.Connection, failure.ExitCode);
        MigratorSession.ThrowIfTooOld(new Version(15, 0));
    }

    [Fact]
    public async Task A_shells_pgoptions_do_not_reach_the_scripts()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_check_options.sql", "do $$ begin assert current_setting('work_mem') <> '77MB'; end $$;");

        using var run = Exe.Start(database.ConnectionString, new Dictionary<string, string> { ["PGOPTIONS"] = "-c work_mem=77MB" }, "apply", "--scripts", scripts.Folder);

        Assert.Equal(0, (await run.WaitAsync()).ExitCode);
    }

    [Theory]
    [InlineData(false)]   // the journal cannot be created either
    [InlineData(true)]
    public async Task A_read_only_server_is_refused_with_8_before_anything_runs(bool hasJournal)
    {
        await using var database = await server.CreateDatabaseAsync(migrated: false);
        using var scripts = new ScriptsOnDisk().Put("0001_create_gallery.sql", "create schema gallery;");
        if (hasJournal)
            await database.ApplyAsync(scripts);
        scripts.Put("0002_only_read.sql", "select 1;");
        await database.ExecuteAsync($"alter database {new NpgsqlConnectionStringBuilder(database.ConnectionString).Database} set default_transaction_read_only = on");

        Assert.Equal(8, (await Exe.RunAsync(database, "apply", "--scripts", scripts.Folder)).ExitCode);
    }
}
