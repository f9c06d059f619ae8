using Gallery.Tests.Migrations;
using Npgsql;

namespace Gallery.Tests.Settings;

/// <summary>A named root certificate is used with <c>sslmode=require</c> too, wherever it is named. Npgsql alone would trust every server.</summary>
public sealed class RootCertificateTests : IAsyncLifetime
{
    private readonly TlsServer _server = new();
    private readonly string _file = Path.GetTempFileName();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        File.Delete(_file);
    }

    /// <summary>The settings, in which P is the server's port and F is the file.</summary>
    public static TheoryData<string[]> Named => new((string[][])
    [
        ["DATABASE_URL=postgresql://u@127.0.0.1:P/d?sslmode=require&sslrootcert=F"],
        ["DATABASE_URL=Host=127.0.0.1;Port=P;Username=u;SSL Mode=Require;Root Certificate=F"],
        ["DATABASE_URL=Host=127.0.0.1;Port=P;Username=u;Root Certificate=F"],
        ["DATABASE_URL=postgresql://u@127.0.0.1:P/d?sslmode=require", "PGSSLROOTCERT=F"],
        ["DATABASE_URL=Host=127.0.0.1;Port=P;Username=u;SSL Mode=Require", "PGSSLROOTCERT=F"],
        ["SUPABASE_DB_HOST=127.0.0.1", "SUPABASE_DB_PORT=P", "SUPABASE_DB_SSLMODE=require", "PGSSLROOTCERT=F"],
    ]);

    [Theory]
    [MemberData(nameof(Named))]
    public async Task A_server_with_another_certificate_gets_no_password(string[] settings)
    {
        File.WriteAllText(_file, TlsServer.AnotherCertificate());

        await ConnectAsync(settings);

        Assert.Equal(0, _server.Greetings);
    }

    [Theory]
    [MemberData(nameof(Named))]
    public async Task A_server_with_that_certificate_is_trusted_whatever_its_name(string[] settings)
    {
        File.WriteAllText(_file, _server.Certificate);

        await ConnectAsync(settings);

        Assert.Equal(1, _server.Greetings);
    }

    [Fact]
    public async Task Without_a_root_certificate_require_trusts_every_server()
    {
        await ConnectAsync("SUPABASE_DB_HOST=127.0.0.1", "SUPABASE_DB_PORT=P", "SUPABASE_DB_SSLMODE=require");

        Assert.Equal(1, _server.Greetings);
    }

    [Theory]
    [InlineData(SslMode.Disable, "SUPABASE_DB_SSLMODE=disable")]
    [InlineData(SslMode.Prefer, "SUPABASE_DB_SSLMODE=prefer")]
    [InlineData(SslMode.Prefer)]
    [InlineData(SslMode.VerifyFull, "SUPABASE_DB_SSLMODE=verify-full")]
    public void The_environments_root_certificate_changes_no_other_mode(SslMode mode, params string[] settings) =>
        Assert.Equal(mode, Given.Connection(["SUPABASE_DB_HOST=localhost", $"PGSSLROOTCERT={_file}", .. settings])!.SslMode);

    [Fact]
    public void Another_machine_is_checked_without_a_mode_too() =>
        Assert.Equal(SslMode.VerifyCA, Given.Connection("SUPABASE_DB_HOST=db.example.com", $"PGSSLROOTCERT={_file}")!.SslMode);

    [Fact]
    public void A_standby_is_checked_like_the_primary() =>
        Assert.Equal(SslMode.VerifyCA, Gallery.Sql.Database.ConnectionSettings.FindUrl(Given.Settings("GALLERY_READ_DATABASE_URL=postgresql://u@h/d", $"PGSSLROOTCERT={_file}"), "GALLERY_READ_DATABASE_URL")!.SslMode);

    [Fact]
    public void A_file_that_does_not_exist_is_an_error_of_its_setting() =>
        Assert.StartsWith("PGSSLROOTCERT names a file that does not exist.", Given.Error("SUPABASE_DB_HOST=h", "PGSSLROOTCERT=/no/ca.pem"), StringComparison.Ordinal);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_migrator_checks_it_as_the_service_does(bool isInFile)
    {
        var connection = $"postgresql://u:p@127.0.0.1:{_server.Port}/d?sslmode=require";
        var file = Path.GetTempFileName();
        File.WriteAllText(file, connection);
        File.WriteAllText(_file, TlsServer.AnotherCertificate());

        using var migrator = Exe.Start(isInFile ? null : connection, new() { ["PGSSLROOTCERT"] = _file }, isInFile ? ["status", "--connection-file", file] : ["status"]);
        var run = await migrator.WaitAsync();
        File.Delete(file);

        Assert.NotEqual(0, run.ExitCode);
        Assert.Equal(0, _server.Greetings);
    }

    [Fact]
    public async Task A_client_certificate_that_cannot_be_used_is_the_connections_fault()
    {
        File.WriteAllText(_file, "no certificate");

        var run = await Exe.RunAsync($"postgresql://u:hunter2@127.0.0.1:{_server.Port}/d?sslmode=require&sslcert={_file}&sslkey={_file}", "status");

        Assert.Equal((8, 1), (run.ExitCode, run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        Assert.Contains("Check sslrootcert, sslcert and sslkey", run.Error, StringComparison.Ordinal);
    }

    /// <summary>Fails in any case. The server knows how far it came.</summary>
    private async Task ConnectAsync(params string[] settings)
    {
        var connection = Given.Connection([.. settings.Select(line => line.Replace("=F", $"={_file}", StringComparison.Ordinal).Replace(":P/", $":{_server.Port}/", StringComparison.Ordinal).Replace("=P", $"={_server.Port}", StringComparison.Ordinal))])!;
        (connection.Password, connection.Pooling, connection.Timeout) = ("hunter2", false, 10);
        await using var database = new NpgsqlConnection(connection.ConnectionString);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => database.OpenAsync(Ct));
    }
}
