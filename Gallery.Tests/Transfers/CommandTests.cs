using System.Diagnostics;
using System.Text.Json.Nodes;
using Gallery.Tests.Access;
using Gallery.Tests.Service;

namespace Gallery.Tests.Transfers;

/// <summary>The commands export, import and orphans, run as a user runs them.</summary>
public sealed class CommandTests(TestService service) : IClassFixture<TestService>, IDisposable
{
    private readonly Api _api = service.Api;
    private readonly string _user = $"user_{Guid.NewGuid():N}";
    private readonly string _folder = Directory.CreateTempSubdirectory("gallery-commands-").FullName;

    private string File => Path.Combine(_folder, "images.ndjson");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task An_export_is_a_file_for_its_owner_alone_and_comes_back_in_by_import()
    {
        await SaveAsync(3);
        var export = await RunAsync("export", File, "--user-id", _user);

        Assert.Equal((0, "", "3 images exported"), (export.Exit, export.Output, export.Error.Trim()));
        Assert.Equal((await _api.GetAsync($"/v1/gallery/export/?user_id={_user}")).Text, await ReadAsync());
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File));
        Assert.Equal(2, (await RunAsync("export", File)).Exit);   // exists
        Assert.Equal(await ReadAsync(), (await RunAsync("export", "-", "--user-id", _user)).Output);

        await service.Database.ExecuteAsync($"delete from gallery.image where user_id = '{_user}'; delete from gallery.image_event where user_id = '{_user}'");
        var import = await RunAsync("import", File);
        Assert.Equal((0, "3 created, 0 updated, 0 unchanged, 0 failed"), (import.Exit, import.Error.Trim()));
        Assert.Equal(await ReadAsync(), (await _api.GetAsync($"/v1/gallery/export/?user_id={_user}")).Text);
        Assert.Equal("0 created, 0 updated, 3 unchanged, 0 failed", (await RunAsync("import", File)).Error.Trim());
    }

    [Fact]
    public async Task An_export_takes_the_images_of_a_time()
    {
        await SaveAsync(3);
        await service.Database.ExecuteAsync($"update gallery.image as i set created_at = '2020-01-02Z' where i.image_id = (select min(i.image_id::text)::uuid from gallery.image as i where i.user_id = '{_user}')");

        Assert.Equal("1 images exported", (await RunAsync("export", "-", "--user-id", _user, "--created-from", "2020-01-02T00:00:00+00:00", "--created-to", "2020-01-03")).Error.Trim());
        Assert.Equal("2 images exported", (await RunAsync("export", "-", "--user-id", _user, "--created-from", "2020-01-03")).Error.Trim());
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 20)]
    [InlineData(2, 0)]
    [InlineData(2, 20)]
    [InlineData(4, 0)]
    public async Task An_export_that_was_broken_off_goes_on_after_its_last_whole_line(int lines, int torn)
    {
        await SaveAsync(4);
        await RunAsync("export", File, "--user-id", _user);
        var whole = await ReadAsync();
        var kept = string.Concat(whole.Split('\n').Take(lines).Select(line => $"{line}\n"));
        await System.IO.File.WriteAllTextAsync(File, whole[..(kept.Length + torn)], Ct);

        Assert.Equal((0, $"{4 - lines} images exported"), await RunAsync("export", File, "--user-id", _user, "--resume") is var run ? (run.Exit, run.Error.Trim()) : default);
        Assert.Equal(whole, await ReadAsync());
    }

    [Fact]
    public async Task Each_bad_line_is_named_by_its_number_in_the_file_across_chunks()
    {
        var lines = Enumerable.Range(0, 2_100).Select(_ => Line(Guid.NewGuid())).ToList();
        (lines[4], lines[1_000], lines[1_500], lines[2_099]) = ("", "{}", new string('x', 600_000), Line(Guid.NewGuid()).Replace(_user, "", StringComparison.Ordinal));
        await System.IO.File.WriteAllLinesAsync(File, lines, Ct);
        var run = await RunAsync("import", File);

        Assert.Equal(1, run.Exit);
        Assert.Equal(["line 1001: validation_failed", "line 1501: line_too_large", "line 2100: validation_failed"], run.Error.Split('\n').Where(line => line.StartsWith("line ", StringComparison.Ordinal)).Select(line => string.Join(':', line.Split(':')[..2])));
        Assert.EndsWith("2,096 created, 0 updated, 0 unchanged, 3 failed\n", run.Error, StringComparison.Ordinal);
        Assert.Equal("0 created, 0 updated, 2 unchanged, 0 failed", (await RunAsync("import", File, "--from-line", "2098") is { Exit: 1 } rest ? rest.Error : "").Trim().Split('\n')[^1].Replace("1 failed", "0 failed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task If_the_service_stops_the_import_the_command_names_the_line()
    {
        var blank = new string(' ', 300_000);
        await System.IO.File.WriteAllLinesAsync(File, [Line(Guid.NewGuid()), .. Enumerable.Repeat("{}", 998), blank, blank, blank, blank, blank, Line(Guid.NewGuid())], Ct);
        Assert.EndsWith("2 created, 0 updated, 0 unchanged, 998 failed\n", (await RunAsync("import", File)).Error, StringComparison.Ordinal);   // chunks of failures stop nothing, and blanks are not sent

        const string report = """{"success":true,"data":{"lines":4,"created":4,"updated":0,"unchanged":0,"failed":0,"errors":[{"line":5,"code":"import_stopped","message":"m"}]},"message":""}""";
        await using var server = new FalseServer(FalseServer.Answer(report, type: "application/json"));
        var run = await RunAsync(server.Address, [], "import", File, "--from-line", "11");
        Assert.Equal((1, true), (run.Exit, run.Error.EndsWith("The service stopped the import. Go on with --from-line 15.\n", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task The_key_comes_from_a_setting_and_a_refusal_is_one_line()
    {
        await using var guarded = await GuardedService.StartAsync(service.Database.ConnectionString, GuardedService.Keys);
        await System.IO.File.WriteAllTextAsync(Path.Combine(_folder, "key"), $"{GuardedService.Key}\n", Ct);
        await System.IO.File.WriteAllTextAsync(File, $"{Line(Guid.NewGuid())}\n", Ct);

        Assert.Equal(0, (await RunAsync(guarded.Api.Address, [$"GALLERY_KEY_FILE={Path.Combine(_folder, "key")}"], "import", File)).Exit);
        Assert.Equal(0, (await RunAsync(guarded.Api.Address, [$"GALLERY_KEY={GuardedService.Key}"], "export", "-", "--user-id", _user)).Exit);
        var without = await RunAsync(guarded.Api.Address, [], "import", File);
        Assert.Equal((1, true, true), (without.Exit, without.Error.Contains("missing_credentials", StringComparison.Ordinal), without.Error.Contains("--from-line 1", StringComparison.Ordinal)));
        Assert.Single(without.Error.Trim().Split('\n'));
    }

    [Fact]
    public async Task Pictures_without_a_row_and_rows_without_a_picture_are_listed_and_nothing_is_deleted()
    {
        Guid[] ids = [.. Enumerable.Range(0, 7).Select(_ => Guid.NewGuid())];
        string[] urls =
        [
            $"https://res.cloudinary.com/demo/image/upload/v17/ai/{ids[0]}.png",
            $"https://res.cloudinary.com/demo/image/upload/c_thumb,w_100/l_{Guid.NewGuid():D}/f_auto/{ids[1]}",
            $"https://res.cloudinary.com/demo/images/{ids[2]}/a-lighthouse-at-dawn.jpg",
            $"https://res.cloudinary.com/demo/image/upload/w_300/{ids[3]}_0.jpg",
            Api.UrlOf(ids[4]),
            Api.UrlOf(ids[5]),
        ];
        foreach (var (url, i) in urls.Select((url, i) => (url, i))) Assert.Equal(201, (await _api.SaveAsync(ids[i], _user, imageUrl: url)).Status);
        await _api.DeleteAsync($"/v1/gallery/{ids[4]}/");
        string[] publicIds = [$"ai/{ids[0]}", $"{ids[1]}", $"{ids[2]}".ToUpperInvariant(), $"w_300/{ids[3]}_0", $"{ids[4]}", $"ai/{ids[6]}", "samples/cat", $"{ids[5]}/cat", "", $"raw/{ids[0]}.pdf"];
        await System.IO.File.WriteAllTextAsync(File, string.Join("\r\n", publicIds), Ct);

        var run = await RunAsync("orphans", "--public-ids", File);
        var found = run.Output.Trim().Split('\n').Where(line => line.StartsWith("without row", StringComparison.Ordinal) || ids.Any(id => line.Contains($"{id}", StringComparison.Ordinal)));

        Assert.Equal(0, run.Exit);
        Assert.Equal([$"without picture\t{ids[5]}\t{urls[5]}", $"without row\tai/{ids[6]}", "without row\tsamples/cat", $"without row\t{ids[5]}/cat"], found);
        Assert.Equal(200, (await _api.GetAsync($"/v1/gallery/{ids[5]}/")).Status);
    }

    [Theory]
    [InlineData("8d76bd3a-053e-4bb5-a2ab-ce147e53f40c\nai/0c5e7a92-6b1d-4f38-9e04-d27f8ab36c15\n")]
    [InlineData("samples/cat\nlogo\n")]
    [InlineData("")]
    public async Task Pictures_none_of_which_has_a_row_are_not_compared(string publicIds)
    {
        await _api.SaveAsync(Guid.NewGuid(), _user);
        await System.IO.File.WriteAllTextAsync(File, publicIds, Ct);

        var run = await RunAsync("orphans", "--public-ids", File);

        Assert.Equal((2, ""), (run.Exit, run.Output));
        Assert.Contains("Name the right Gallery with --url. Nothing was deleted.", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("export")]
    [InlineData("export", "a", "b")]
    [InlineData("export", "-", "--resume")]
    [InlineData("export", "-", "--url", "ftp://localhost")]
    [InlineData("import", "nowhere.ndjson")]
    [InlineData("import", "-", "--from-line", "0")]
    [InlineData("orphans")]
    [InlineData("orphans", "--public-ids", "nowhere.txt")]
    public async Task A_wrong_command_line_exits_with_2_and_one_line(params string[] arguments)
    {
        var run = await RunAsync(arguments);
        Assert.Equal((2, 1), (run.Exit, run.Error.Trim().Split('\n').Length));
    }

    [Fact]
    public async Task An_export_does_not_resume_into_a_pipe()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such pipes.");
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", File)) await mkfifo.WaitForExitAsync(Ct);

        var run = await RunAsync("export", File, "--resume");
        Assert.Equal((2, $"gallery: {File} is a pipe or a device. Choose a file, or - for standard output."), (run.Exit, run.Error.Trim()));
    }

    [Fact]
    public async Task An_export_does_not_resume_into_another_users_file()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root gives files away, and only root may write them then.");
        await SaveAsync(1);
        await RunAsync("export", File, "--user-id", _user);
        await SaveAsync(1);
        var before = await ReadAsync();
        using (var chown = System.Diagnostics.Process.Start("chown", ["nobody", File])) await chown.WaitForExitAsync(Ct);

        var run = await RunAsync("export", File, "--user-id", _user, "--resume");
        Assert.Equal((2, $"gallery: {File} belongs to another user. Choose another file."), (run.Exit, run.Error.Trim()));
        Assert.Equal(before, await ReadAsync());
    }

    [Fact]
    public async Task A_signal_ends_the_import_of_a_pipe_that_is_silent()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such pipes.");
        // The writer opens the pipe when the command does. "$$" is the shell's process, which the command takes over.
        const string script = "mkfifo \"$2\"; (sleep 1; kill -TERM $$; exec sleep 60) 2>/dev/null >\"$2\" & exec \"$0\" \"$1\" import \"$2\" --url \"$3\"";
        var run = await Within.RunAsync(
            new ProcessStartInfo("sh", ["-c", script, DotnetHost, Path.Combine(AppContext.BaseDirectory, "Gallery.Service.dll"), File, _api.Address.ToString()]) { RedirectStandardError = true },
            TimeSpan.FromSeconds(40));

        Assert.Equal((1, "gallery: Stopped. Go on with --from-line 1."), (run.Exit, run.Error.Trim()));
    }

    [Fact]
    public async Task A_key_is_not_sent_over_a_public_network_without_TLS()
    {
        var run = await RunAsync(new Uri("http://gallery.example.com"), ["GALLERY_KEY=gallery_secret"], "export", "-");

        Assert.Equal(2, run.Exit);
        Assert.Contains("Use https://", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_proxy_of_the_environment_does_not_get_the_key_without_TLS()
    {
        await using var proxy = new FalseServer(FalseServer.Answer(""));
        var run = await RunAsync(_api.Address, ["GALLERY_KEY=gallery_secret", $"http_proxy={proxy.Address}", $"all_proxy={proxy.Address}", "no_proxy="], "export", "-", "--user-id", _user);

        Assert.Equal((0, 0), (run.Exit, proxy.Requests));
    }

    [Fact]
    public async Task An_address_from_a_file_is_shown_with_the_file_before_the_key_goes_there()
    {
        var dotEnv = Path.Combine(_folder, ".env");
        await System.IO.File.WriteAllTextAsync(dotEnv, $"GALLERY_URL={_api.Address}", Ct);
        string[] shown = [$"GALLERY_URL is {_api.Address}, from {dotEnv}", "0 images exported"];

        Assert.Equal(shown, (await RunAsync(_folder, null, [], "export", "-", "--user-id", _user)).Error.Trim().Split('\n'));
        Assert.Equal(shown[1..], (await RunAsync(_folder, _api.Address, [], "export", "-", "--user-id", _user)).Error.Trim().Split('\n'));
        Assert.Equal(shown[1..], (await RunAsync(_folder, null, [], "export", "-", "--user-id", _user, "--url", $"{_api.Address}")).Error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_file_of_settings_that_every_user_may_change_exits_with_2_and_one_line()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no Unix modes.");
        var dotEnv = Path.Combine(_folder, ".env");
        await System.IO.File.WriteAllTextAsync(dotEnv, "", Ct);
        if (!OperatingSystem.IsWindows()) System.IO.File.SetUnixFileMode(dotEnv, (UnixFileMode)0b110_110_110);

        var run = await RunAsync("export", "-");
        Assert.Equal((2, true), (run.Exit, run.Error.StartsWith($"gallery: {dotEnv} can be changed by every user.", StringComparison.Ordinal)));
        Assert.Single(run.Error.Trim().Split('\n'));
    }

    private static string DotnetHost => Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";

    private async Task SaveAsync(int count)
    {
        for (var i = 0; i < count; i++) await _api.SaveAsync(Guid.NewGuid(), _user, "A lighthouse \U0001F305");
    }

    private string Line(Guid id) => new JsonObject { ["user_id"] = _user, ["image_url"] = Api.UrlOf(id), ["created_at"] = "2025-01-01T00:00:00Z" }.ToJsonString();

    private Task<string> ReadAsync() => System.IO.File.ReadAllTextAsync(File, Ct);

    private Task<(int Exit, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync(_api.Address, [], arguments);

    private Task<(int Exit, string Output, string Error)> RunAsync(Uri address, string[] settings, params string[] arguments) => RunAsync(_folder, address, settings, arguments);

    /// <param name="address">The environment's. Null if it has none.</param>
    internal static async Task<(int Exit, string Output, string Error)> RunAsync(string folder, Uri? address, string[] settings, params string[] arguments)
    {
        var start = new ProcessStartInfo(DotnetHost, [Path.Combine(AppContext.BaseDirectory, "Gallery.Service.dll"), .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["GALLERY_URL"] = address?.ToString();   // null removes it
        foreach (var setting in settings.Select(line => line.Split('=', 2))) start.Environment[setting[0]] = setting[1];
        return await Within.RunAsync(start);
    }
}
