using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

/// <summary>The data of one home and the server on them. Every method stands inside one's turn (<see cref="HomeLock"/>).</summary>
internal sealed partial class Cluster(
    DataHome home, PostgresPrograms programs, ServerUser user, IReadOnlyDictionary<string, string> settings, ILogger log)
{
    private const long LogSize = 10 << 20;
    private static readonly TimeSpan RetryPatience = TimeSpan.FromSeconds(10);

    /// <summary>Makes the data beside and renames them. The password goes to initdb in a file, never in its arguments.</summary>
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

        await user.GiveAsync(ct, data, passwordFile);
        string[] arguments =
        [
            "--pgdata", data, "--username", ServerConnection.User, "--pwfile", passwordFile,
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
        ];
        var made = await user.RunAsync(programs.Initdb, IsFleeting ? [.. arguments, "--no-sync"] : arguments, ct);
        if (!made.Succeeded)
            throw new SettingsException($"PostgreSQL {programs.Major} could not initialise its data in {home.Folder}: {made.LastLine}\n{made.Output.Trim()}");
        Directory.Move(unfinished, home.Server);
    }

    /// <summary>Starts the server and waits until it is up, through a crash recovery if need be.</summary>
    public async Task<Postmaster> StartAsync(CancellationToken ct)
    {
        await MakeLogAsync(ct);
        await File.WriteAllTextAsync(home.StartedInFile, Postmaster.Here, ct);
        var waited = Stopwatch.StartNew();
        for (var port = FindLastPort() is { } last && IsFree(last) ? last : FreePort(); ;)
        {
            var before = new FileInfo(home.Log).Length;
            if ((await LaunchAsync(port, ct)).Succeeded && Postmaster.Find(home.Data) is { } server)
                return server;

            var said = await ReadLogAsync(before, ct);
            if (waited.Elapsed < RetryPatience && said.Contains("could not bind", StringComparison.Ordinal))
                port = FreePort();      // someone took it before us
            else if (waited.Elapsed < RetryPatience && said.Contains("still in use", StringComparison.Ordinal))
                await Task.Delay(100, ct);      // its server was killed, and these are the last moments of that one's children
            else
                throw new SettingsException(
                    $"The embedded PostgreSQL ({programs}) did not start on {home.Data}; its log, {home.Log}, ends:\n" +
                    string.Join('\n', said.TrimEnd().Split('\n').TakeLast(15)));
        }
    }

    /// <summary>Ends the server as a shutdown does: open transactions are rolled back, everything committed is on disk.</summary>
    public Task<CommandResult> StopAsync() =>
        user.RunAsync(programs.PgCtl, ["stop", "-D", home.Data, "-m", "fast", "-s", "-w", "-t", "60"], CancellationToken.None);

    // pg_ctl leads the server out of the terminal's process group: Ctrl+C then ends the service alone, which stops it in order.
    private async Task<CommandResult> LaunchAsync(int port, CancellationToken ct)
    {
        // Terse, because a refused row's details would quote prompts. No sockets, because their paths are limited in length.
        var options = settings.Select(setting => $"{setting.Key}={setting.Value}")
            .Concat(["log_error_verbosity=terse", "listen_addresses=127.0.0.1", $"port={port}", "unix_socket_directories="])
            .Select(setting => $"-c {Quote(setting)}");
        var starting = user.RunAsync(programs.PgCtl,
            ["start", "-D", home.Data, "-l", home.Log, "-s", "-w", "-t", "300", "-o", string.Join(' ', options)],
            CancellationToken.None, capture: !OperatingSystem.IsWindows());     // there the server inherits the streams
        try
        {
            return await starting.WaitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            // A pg_ctl that is ended here would leave a server behind it. It is quick but for a crash recovery, which a stop cuts short.
            do
                await StopAsync();
            while (await Task.WhenAny(starting, Task.Delay(200, CancellationToken.None)) != starting);
            await StopAsync();
            throw;
        }
    }

    private async Task MakeLogAsync(CancellationToken ct)
    {
        if (new FileInfo(home.Log) is { Exists: true, Length: > LogSize })
            File.Delete(home.Log);
        if (!File.Exists(home.Log))
            await WritePrivatelyAsync(home.Log, "", ct);
        await user.GiveAsync(ct, home.Log);
    }

    private async Task<string> ReadLogAsync(long from, CancellationToken ct)
    {
        await using var file = new FileStream(home.Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = from;
        using var reader = new StreamReader(file);
        return await reader.ReadToEndAsync(ct);
    }

    private static async Task WritePrivatelyAsync(string path, string text, CancellationToken ct)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var file = new FileStream(path, options);
        await file.WriteAsync(System.Text.Encoding.ASCII.GetBytes(text), ct);
        file.Flush(flushToDisk: true);
    }

    private bool IsFleeting => settings.TryGetValue("fsync", out var fsync) && fsync == "off";

    // The same port again, if it is free: what somebody noted of the server stays true, and services that outlived it find it again.
    private int? FindLastPort()
    {
        var lastOptions = Path.Combine(home.Data, "postmaster.opts");
        return File.Exists(lastOptions) && LastPort().Match(File.ReadAllText(lastOptions)) is { Success: true } match
            ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : null;
    }

    [GeneratedRegex("\"port=([0-9]{1,5})\"")]
    private static partial Regex LastPort();

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
