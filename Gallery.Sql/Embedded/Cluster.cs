using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

/// <summary>The data of one home and its server. Call every method only while holding the start lock (<see cref="HomeLock"/>).</summary>
internal sealed class Cluster(
    DataHome home, PostgresPrograms programs, ServerUser user, IReadOnlyDictionary<string, string> settings, ILogger log)
{
    public const long LogSize = 10 << 20;
    private static readonly TimeSpan RetryTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Creates the data under another name and renames it. initdb reads the password from a file, not from its arguments.</summary>
    public async Task InitialiseAsync(CancellationToken ct)
    {
        log.Initialising(home.Data, programs.Major);
        var unfinished = DataHome.Unfinished(home.Server);
        var data = Path.Combine(unfinished, Path.GetFileName(home.Data));
        var passwordFile = Path.Combine(unfinished, Path.GetFileName(home.PasswordFile));
        Directory.CreateDirectory(data);
        await WritePrivatelyAsync(passwordFile, RandomNumberGenerator.GetHexString(48, lowercase: true), ct);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            File.SetUnixFileMode(unfinished, File.GetUnixFileMode(data) | (user.Name is null ? 0 : UnixFileMode.OtherExecute));
        }

        await user.ChownAsync(ct, data, passwordFile);
        string[] arguments =
        [
            "--pgdata", data, "--username", ServerConnection.User, "--pwfile", passwordFile,
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
        ];
        var result = await user.RunAsync(programs.Initdb, IsFsyncOff ? [.. arguments, "--no-sync"] : arguments, ct);
        if (!result.Succeeded)
            throw new SettingsException($"initdb of PostgreSQL {programs.Major} failed in {home.Folder}: {result.LastLine}\n{result.Output.Trim()}");
        Directory.Move(unfinished, home.Server);
    }

    /// <summary>Starts the server and waits until it accepts connections, after a crash recovery if necessary.</summary>
    public async Task<Postmaster> StartAsync(CancellationToken ct)
    {
        await MakeLogAsync(ct);
        File.Delete(home.StartedInFile);
        await WritePrivatelyAsync(home.StartedInFile, Postmaster.Here, ct);
        var waited = Stopwatch.StartNew();
        // Reuses the port if it is free, so that running services and noted connection strings still reach the server.
        for (var port = Postmaster.FindLastPort(home.Data) is { } last && IsFree(last) ? last : FreePort(); ;)
        {
            var before = new FileInfo(home.Log).Length;
            if ((await LaunchAsync(port, ct)).Succeeded && Postmaster.Find(home.Data) is { } server)
                return server;

            var output = await ReadLogAsync(before, ct);
            if (waited.Elapsed < RetryTimeout && output.Contains("could not bind", StringComparison.Ordinal))
                port = FreePort();      // another process has taken it meanwhile
            else if (waited.Elapsed < RetryTimeout && output.Contains("still in use", StringComparison.Ordinal))
                await Task.Delay(100, ct);      // the previous server was killed, and its children have not ended yet
            else
                throw new SettingsException(
                    $"The embedded PostgreSQL ({programs}) did not start on {home.Data}. Its log {home.Log} ends with:\n" +
                    string.Join('\n', output.TrimEnd().Split('\n').TakeLast(15)));
        }
    }

    /// <summary>Stops the server cleanly: it rolls back open transactions and writes everything committed to disk.</summary>
    public Task<CommandResult> StopAsync() =>
        user.RunAsync(programs.PgCtl, ["stop", "-D", home.Data, "-m", "fast", "-s", "-w", "-t", "60"], CancellationToken.None);

    // pg_ctl starts the server outside the terminal's process group, so Ctrl+C reaches only the service, which stops the server.
    private async Task<CommandResult> LaunchAsync(int port, CancellationToken ct)
    {
        // The log has no errors of statements, because these quote rows and the service logs what failed. So requests do not fill it.
        // No sockets, because the length of their paths is limited.
        var options = settings.Select(setting => $"{setting.Key}={setting.Value}")
            .Concat(["log_min_messages=log", "log_min_error_statement=panic", "log_error_verbosity=terse", "log_checkpoints=off"])
            .Concat(["listen_addresses=127.0.0.1", $"port={port}", "unix_socket_directories="])
            .Select(setting => $"-c {Quote(setting)}");
        var starting = user.RunAsync(programs.PgCtl,
            ["start", "-D", home.Data, "-l", home.Log, "-s", "-w", "-t", "300", "-o", string.Join(' ', options)],
            CancellationToken.None, capture: !OperatingSystem.IsWindows());     // on Windows the server inherits the streams
        try
        {
            return await starting.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            // Killing pg_ctl would leave a server behind. pg_ctl ends soon, except in a crash recovery, which a stop interrupts.
            do
                await StopAsync();
            while (await Task.WhenAny(starting, Task.Delay(200, CancellationToken.None)) != starting);
            await StopAsync();
            throw;
        }
    }

    /// <summary>Empties the log if it is too large. The server appends to it, so it continues at the start.</summary>
    public void TrimLog()
    {
        try
        {
            if (new FileInfo(home.Log) is not { Exists: true, Length: > LogSize })
                return;
            using var file = new FileStream(home.Log, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.SetLength(0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            log.NotTrimmed(home.Log, e.Message);        // on Windows, where pg_ctl keeps the file locked
        }
    }

    private async Task MakeLogAsync(CancellationToken ct)
    {
        TrimLog();
        if (!File.Exists(home.Log))
            await WritePrivatelyAsync(home.Log, "", ct);
        await user.ChownAsync(ct, home.Log);
    }

    /// <summary>The log from that place, but only its end if it is long.</summary>
    private async Task<string> ReadLogAsync(long from, CancellationToken ct)
    {
        await using var file = new FileStream(home.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = Math.Max(from, file.Length - ServerFile.MaxBytes);
        var end = new byte[ServerFile.MaxBytes];
        return Encoding.UTF8.GetString(end, 0, await file.ReadAtLeastAsync(end, end.Length, throwOnEndOfStream: false, ct));
    }

    private static async Task WritePrivatelyAsync(string path, string text, CancellationToken ct)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var file = new FileStream(path, options);
        await file.WriteAsync(Encoding.UTF8.GetBytes(text), ct);
        file.Flush(flushToDisk: true);
    }

    private bool IsFsyncOff => settings.TryGetValue("fsync", out var fsync) && fsync == "off";

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string Quote(string text) => OperatingSystem.IsWindows()
        ? $"\"{text.Replace("\"", "\\\"", StringComparison.Ordinal)}\""
        : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
