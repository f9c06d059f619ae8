using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Gallery.Tests.Database;
using Npgsql;

namespace Gallery.Tests.Migrations;

/// <summary>A pgbouncer in front of a database, in a given pool mode.</summary>
internal sealed class Pooler : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gallery-pooler-");
    private Process? _process;

    public string ConnectionString { get; private init; } = "";

    public static async Task<Pooler> StartAsync(TestDatabase database, string mode)
    {
        var target = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();

        var pooler = new Pooler
        {
            // The pooler asks for no password, which the connections to a private server refuse.
            ConnectionString = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Host = "127.0.0.1", Port = port, RequireAuth = null }.ConnectionString,
        };
        var password = target.Password is { } set ? $"password='{set}'" : "";
        var settings = Path.Combine(pooler._folder.FullName, "pgbouncer.ini");
        await File.WriteAllTextAsync(settings, string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            {target.Database} = host={target.Host} port={target.Port} user={target.Username} {password}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = {mode}
            server_reset_query =
            """));   // without a reset query, the run itself must release its lock
        string[] user = [];
        if (!OperatingSystem.IsWindows() && Environment.UserName == "root")
        {
            user = ["-u", "nobody"];   // pgbouncer refuses to run as root
            File.SetUnixFileMode(pooler._folder.FullName, (UnixFileMode)0b111_000_101);
        }

        pooler._process = Process.Start(new ProcessStartInfo(Programs.PgBouncer, [.. user, settings]) { RedirectStandardError = true });
        pooler._process!.BeginErrorReadLine();   // its log is read, because a full pipe would stop it

        for (var tries = 0; ; tries++)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
                return pooler;
            }
            catch (SocketException) when (tries < 100)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _folder.Delete(recursive: true);
    }
}
