using Dapper;
using Gallery.Sql.Database;
using Gallery.Sql.Embedded;
using Gallery.Sql.Migrations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Gallery.Tests.Embedded;

/// <summary>Real servers on temporary data homes, with the programs from npm, so that no others need to be installed.</summary>
[Collection<EmbeddedServers>]
public sealed class EmbeddedPostgresTests(FetchedPrograms fetched) : IDisposable
{
    private readonly TemporaryHome _home = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => _home.Dispose();

    [Fact]
    public async Task A_new_server_has_a_database_gallery_of_a_superuser_and_listens_on_loopback_only()
    {
        await using var postgres = await StartAsync(settings: []);

        Assert.Equal("gallery|on|UTF8|C|127.0.0.1||scram-sha-256|on", await postgres.AskAsync("""
            select concat_ws('|', current_database(), current_setting('is_superuser'), current_setting('server_encoding'),
                (select datcollate from pg_database where datname = current_database()), current_setting('listen_addresses'),
                current_setting('unix_socket_directories'), current_setting('password_encryption'), current_setting('fsync'))
            """));
        Assert.Equal("0", await postgres.AskAsync("select count(*) from pg_hba_file_rules where auth_method <> 'scram-sha-256'"));
        Assert.Equal($"{fetched.Folder} (GALLERY_POSTGRES_BIN)", postgres.Programs);
    }

    [Fact]
    public async Task The_service_may_change_rows_only_and_has_its_time_outs()
    {
        await using var postgres = await StartAsync();
        await Migrator.ApplyAsync(postgres.MigratorConnectionString, NullLogger.Instance, Ct);
        await using var service = NpgsqlDataSource.Create(postgres.ServiceConnectionString);
        await using var connection = await service.OpenConnectionAsync(Ct);

        Assert.Equal("gallery_app|off|250ms|2s", await connection.ExecuteScalarAsync<string>(
            "select concat_ws('|', session_user, current_setting('is_superuser'), current_setting('lock_timeout'), current_setting('statement_timeout'))"));
        await connection.ExecuteAsync("insert into gallery.image (image_id, user_id, image_url) values (gen_random_uuid(), 'u', 'x')");
        Assert.Equal("42501", (await Assert.ThrowsAsync<PostgresException>(() => connection.ExecuteAsync("drop table gallery.image"))).SqlState);
        Assert.Empty(await Migrator.ListPendingAsync(service, Ct));
    }

    [Fact]
    public async Task Data_that_a_superuser_migrated_are_the_roles_after_a_restart()
    {
        await using (var before = await StartAsync())
            await Migrator.ApplyAsync(before.ConnectionString, NullLogger.Instance, Ct);

        await using var postgres = await StartAsync();
        await Migrator.ApplyAsync(postgres.MigratorConnectionString, NullLogger.Instance, Ct);
        await using var service = NpgsqlDataSource.Create(postgres.ServiceConnectionString);

        Assert.Empty(await Migrator.ListPendingAsync(service, Ct));
        await using var connection = await service.OpenConnectionAsync(Ct);
        await connection.ExecuteAsync("insert into gallery.image (image_id, user_id, image_url) values (gen_random_uuid(), 'u', 'x')");
        Assert.Equal("gallery_owner|gallery_owner", await postgres.AskAsync(
            "select string_agg(relowner::regrole::text, '|') from pg_class where oid in ('gallery.image'::regclass, 'gallery_migrations.journal'::regclass)"));
    }

    [Fact]
    public async Task The_password_is_in_one_private_file_and_in_no_argument()
    {
        await using var postgres = await StartAsync();
        var password = new NpgsqlConnectionStringBuilder(postgres.ConnectionString).Password!;
        var file = Path.Combine(_home.Path, "server", "password");

        Assert.Equal(password, File.ReadAllText(file));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.DoesNotContain(password, File.ReadAllText(Path.Combine(_home.Data, "postmaster.opts")), StringComparison.Ordinal);
        Assert.DoesNotContain(password, File.ReadAllText(Path.Combine(_home.Path, "server.log")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restart_finds_the_rows_at_the_same_port()
    {
        string before;
        await using (var postgres = await StartAsync())
        {
            before = postgres.ConnectionString;
            await postgres.AskAsync("create table kept as select 'a row' as x");
        }

        Assert.Null(Postmaster.Find(_home.Data));
        await using var again = await StartAsync();
        Assert.Equal("a row", await again.AskAsync("select x from kept"));
        Assert.Equal(before, again.ConnectionString);
    }

    [Fact]
    public async Task A_second_service_joins_the_running_server_and_the_last_one_stops_it()
    {
        var first = await StartAsync();
        var second = await StartAsync();
        Assert.Equal(first.ConnectionString, second.ConnectionString);

        await first.DisposeAsync();
        Assert.Equal("1", await second.AskAsync("select 1"));

        await second.DisposeAsync();
        Assert.Null(Postmaster.Find(_home.Data));
    }

    [Fact]
    public async Task Two_services_that_start_at_once_on_new_data_share_one_server()
    {
        var both = await Task.WhenAll(Task.Run(() => StartAsync(), Ct), Task.Run(() => StartAsync(), Ct));

        Assert.Equal(both[0].ConnectionString, both[1].ConnectionString);
        Assert.Equal("1", await both[1].AskAsync("select 1"));
        await Task.WhenAll(both.Select(postgres => postgres.DisposeAsync().AsTask()));
        Assert.Null(Postmaster.Find(_home.Data));
    }

    [Fact]
    public async Task Data_of_another_version_is_refused_and_left_alone_with_any_setting()
    {
        await (await StartAsync()).DisposeAsync();
        var versionFile = Path.Combine(_home.Data, "PG_VERSION");
        File.WriteAllText(versionFile, "7\n");

        foreach (var programs in new[] { null, "npm", fetched.Folder })
        {
            var refusal = await Assert.ThrowsAsync<SettingsException>(() => StartAsync(programs));
            Assert.Contains("needs PostgreSQL 7", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Equal("7\n", File.ReadAllText(versionFile));
        Assert.Equal(new[] { "server", "server.log", "start.lock", "users.lock" }, _home.List());
    }

    [Fact]
    public async Task An_interrupted_first_start_leaves_no_server_and_does_not_hinder_the_next()
    {
        using var interrupt = new CancellationTokenSource();
        var log = new Listener(line =>
        {
            if (line.StartsWith("Initialising", StringComparison.Ordinal))
                interrupt.CancelAfter(TimeSpan.FromMilliseconds(100));
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(_home.Path, fetched.Folder), log, interrupt.Token));
        Assert.Null(Postmaster.Find(_home.Data));

        await using var postgres = await StartAsync();
        Assert.Equal("1", await postgres.AskAsync("select 1"));
        Assert.Equal(new[] { "server", "server.log", "start.lock", "users.lock" }, _home.List());
    }

    [Fact]
    public async Task Server_settings_may_contain_any_character()
    {
        await using var postgres = await StartAsync(settings: new() { ["max_connections"] = "17", ["application_name"] = "it's \"$HOME\"" });

        Assert.Equal("17", await postgres.AskAsync("show max_connections"));
        Assert.Equal("it's \"$HOME\"", await postgres.AskAsync("select reset_val from pg_settings where name = 'application_name'"));
    }

    [Fact]
    public async Task If_the_server_does_not_start_the_error_quotes_its_log()
    {
        var refusal = await Assert.ThrowsAsync<SettingsException>(() => StartAsync(settings: new() { ["max_connections"] = "many" }));

        Assert.Contains("invalid value for parameter \"max_connections\"", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(File.ReadAllText(Path.Combine(_home.Path, "server", "password")), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_data_home_that_cannot_be_written_is_named()
    {
        var file = Path.Combine(_home.Path, "file");
        File.WriteAllText(file, "");

        var refusal = await Assert.ThrowsAsync<SettingsException>(() =>
            EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(file), NullLogger.Instance, Ct));
        Assert.Contains($"{file} cannot be written", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("GALLERY_DATA", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_settings_name_the_data_home_and_the_programs()
    {
        var settings = new ConfigurationBuilder().AddInMemoryCollection(
            new Dictionary<string, string?> { ["GALLERY_DATA"] = "/data", ["GALLERY_POSTGRES_BIN"] = "npm" }).Build();

        Assert.Equal(new EmbeddedPostgresOptions("/data", "npm"), EmbeddedPostgresOptions.From(settings));
        Assert.EndsWith("gallery", EmbeddedPostgresOptions.From(new ConfigurationBuilder().Build()).DataHome, StringComparison.Ordinal);
    }

    private Task<EmbeddedPostgres> StartAsync(string? programs = "", Dictionary<string, string>? settings = null) =>
        FetchedPrograms.StartAsync(_home, programs == "" ? fetched.Folder : programs, settings);

    private sealed class Listener(Action<string> onLine) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => true;
        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            onLine(formatter(state, exception));
    }
}
