using System.Diagnostics;
using System.Text.RegularExpressions;
using Gallery.Sql;
using Gallery.Tests.Migrations;
using Gallery.Tests.Readme;
using Gallery.Tests.Service;

namespace Gallery.Tests.Observability;

/// <summary>Which build runs: its version and commit, in every place where an operator looks.</summary>
public sealed partial class ReleaseTests(TestService other) : IClassFixture<TestService>
{
    // Git's commit, where the tests were built from a clone.
    private static readonly string Expected = $@"^{Regex.Escape(VersionOfTheProject)}(\+[0-9a-f]{{40}})?$";

    private static string VersionOfTheProject => Version().Match(File.ReadAllText(Path.Combine(Repository.Root, "Directory.Build.props"))).Value;

    [Fact]
    public async Task Liveness_metrics_and_the_first_line_of_the_log_say_version_and_commit()
    {
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, $"DATABASE_URL={other.Database.ConnectionString}");
        using var api = new Api(await service.WaitForServingAsync());

        var alive = (await api.GetAsync("/livez")).Body["data"]!;
        Assert.Equal(("alive", VersionOfTheProject), ((string?)alive["status"], (string?)alive["version"]));
        Assert.Matches("^([0-9a-f]{40}|unknown)$", (string?)alive["commit"]);
        var info = Assert.Single((await api.GetAsync("/metrics")).Text.Split('\n'), line => line.StartsWith("gallery_build_info{", StringComparison.Ordinal));
        Assert.Contains($"version=\"{VersionOfTheProject}\"", info, StringComparison.Ordinal);
        Assert.Contains($"commit=\"{alive["commit"]}\"", info, StringComparison.Ordinal);
        Assert.Contains($"Gallery {VersionOfTheProject}, commit {alive["commit"]}.", service.Output.Split('\n')[0], StringComparison.Ordinal);
        Assert.Null((await api.GetAsync("/readyz")).Body["data"]!["version"]);
    }

    [Fact]
    public async Task The_migrator_and_the_service_print_them()
    {
        Assert.Matches(Expected, await PrintAsync(Exe.Program));
        Assert.Matches(Expected, await PrintAsync(Path.Combine(AppContext.BaseDirectory, "Gallery.Service.dll")));
        Assert.Matches(Expected, Release.Full);
    }

    private static async Task<string> PrintAsync(string program)
    {
        var (_, printed, _) = await Within.RunAsync(new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [program, "--version"]) { RedirectStandardOutput = true });
        return printed.Trim();
    }

    [GeneratedRegex("(?<=<Version>)[^<]+")]
    private static partial Regex Version();
}
