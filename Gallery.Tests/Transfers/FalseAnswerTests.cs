namespace Gallery.Tests.Transfers;

/// <summary>The commands export, import and orphans with servers and files that are not what they say.</summary>
public sealed class FalseAnswerTests : IDisposable
{
    private const string Torn = """{"image_id":"00000000-0000-0000-0000-000000000002","user_id":"u","image_url":"x","metadata":{}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("gallery-commands-").FullName;

    private string File => Path.Combine(_folder, "images.ndjson");

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("a letter\nto somebody")]
    [InlineData("a letter to somebody")]
    [InlineData("{\"image_id\":\"a\"}\n")]
    [InlineData("{\"image_id\":\"00000000-0000-0000-0000-000000000001\",\"rows\":1}\n")]
    [InlineData("LINE\na letter")]
    [InlineData("a letter\nLINE\n")]
    [InlineData("LINE\n\n")]
    public async Task A_file_that_is_no_export_stays_as_it_is(string text)
    {
        text = text.Replace("LINE", Line(1), StringComparison.Ordinal);
        await System.IO.File.WriteAllTextAsync(File, text, Ct);
        await using var server = new FalseServer(FalseServer.Answer($"{Line(2)}\n"));

        Assert.Equal((2, 1), await ExportAsync(server, "--resume") is var run ? (run.Exit, run.Error.Trim().Split('\n').Length) : default);
        Assert.Equal((text, 0), (await ReadAsync(), server.Requests));
    }

    [Fact]
    public async Task A_link_is_not_followed_whether_or_not_its_target_exists()
    {
        var target = Path.Combine(_folder, "target");
        System.IO.File.CreateSymbolicLink(File, target);
        await using var server = new FalseServer(FalseServer.Answer($"{Line(2)}\n"));
        Assert.Equal((2, 2), ((await ExportAsync(server)).Exit, (await ExportAsync(server, "--resume")).Exit));
        Assert.False(System.IO.File.Exists(target));

        await System.IO.File.WriteAllTextAsync(target, $"{Line(1)}\n{Torn}", Ct);
        Assert.Equal((2, 2), ((await ExportAsync(server)).Exit, (await ExportAsync(server, "--resume")).Exit));
        Assert.Equal($"{Line(1)}\n{Torn}", await System.IO.File.ReadAllTextAsync(target, Ct));
    }

    [Fact]
    public async Task A_file_that_is_continued_becomes_its_owners_alone()
    {
        if (OperatingSystem.IsWindows()) return;   // it has no modes
        await System.IO.File.WriteAllTextAsync(File, $"{Line(1)}\n{Torn}", Ct);
        System.IO.File.SetUnixFileMode(File, (UnixFileMode)0b110_110_110);
        await using var server = new FalseServer(FalseServer.Answer($"{Line(2)}\n"));

        Assert.Equal(0, (await ExportAsync(server, "--resume")).Exit);
        Assert.Equal(($"{Line(1)}\n{Line(2)}\n", UnixFileMode.UserRead | UnixFileMode.UserWrite), (await ReadAsync(), System.IO.File.GetUnixFileMode(File)));
    }

    [Fact]
    public async Task An_empty_file_that_others_may_open_is_not_filled()
    {
        if (OperatingSystem.IsWindows()) return;   // it has no modes
        await System.IO.File.WriteAllTextAsync(File, "", Ct);
        System.IO.File.SetUnixFileMode(File, (UnixFileMode)0b110_110_110);
        await using var server = new FalseServer(FalseServer.Answer($"{Line(2)}\n"));

        Assert.Equal(2, (await ExportAsync(server, "--resume")).Exit);
        Assert.Equal("", await ReadAsync());
    }

    [Fact]
    public async Task A_torn_line_is_asked_for_again_even_if_it_ends_in_a_brace()
    {
        await using var server = new FalseServer(FalseServer.Answer($"{Line(1)}\n{Torn}"), FalseServer.Answer($"{Line(2)}\n"));

        Assert.Equal((0, "2 images exported"), await ExportAsync(server) is var run ? (run.Exit, run.Error.Trim()) : default);
        Assert.Equal($"{Line(1)}\n{Line(2)}\n", await ReadAsync());
    }

    [Theory]
    [InlineData("HTTP/1.0 200 OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")]
    public async Task An_answer_without_an_end_is_refused_because_it_may_be_incomplete(string head)
    {
        await using var server = new FalseServer($"{head}{Line(1)}\n");
        await RefusesAsync(server, "incomplete");
    }

    [Fact]
    public async Task Images_that_come_again_or_out_of_order_end_the_export()
    {
        await using (var again = new FalseServer(FalseServer.Answer($"{Line(5)}\n", length: 100_000))) await RefusesAsync(again, "out of order");
        await using var back = new FalseServer(FalseServer.Answer($"{Line(5)}\n{Line(4)}\n"));
        System.IO.File.Delete(File);
        await RefusesAsync(back, "out of order");
    }

    [Theory]
    [InlineData("<html>", 200)]
    [InlineData("{\"success\":true}\n", 200)]
    [InlineData("null", 200)]
    [InlineData("[1", 200)]
    [InlineData("{\"code\":1}", 400)]
    [InlineData("null", 400)]
    [InlineData("", 302)]
    public async Task Another_answer_is_one_line_that_says_what_to_do(string text, int status)
    {
        await using var server = new FalseServer(FalseServer.Answer(text, status: status, type: "application/json"));
        await RefusesAsync(server, "Check --url.");

        await System.IO.File.WriteAllTextAsync(File, Line(1), Ct);
        var import = await CommandTests.RunAsync(_folder, server.Address, [], "import", File);
        Assert.Equal((1, 1, true), (import.Exit, import.Error.Trim().Split('\n').Length, import.Error.Contains("Check --url. Go on with --from-line 1.", StringComparison.Ordinal)));
        Assert.DoesNotContain("   at ", import.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_an_endless_refusal_at_most_64_KB_are_read()
    {
        var reason = $$"""{"code":"long","message":"{{new string('x', 70_000)}}"}""";
        await using var server = new FalseServer(FalseServer.Answer(reason, status: 400, type: "application/json"));
        await RefusesAsync(server, "The service answered 400. Check --url.");
    }

    [Fact]
    public async Task Control_characters_of_servers_and_files_are_printed_escaped()
    {
        const string report = """{"success":true,"data":{"lines":1,"created":0,"updated":0,"unchanged":0,"failed":1,"errors":[{"line":1,"code":"\u001b[2J","message":"\u009b2J\u202e\u0007"}]},"message":""}""";
        await using (var importer = new FalseServer(FalseServer.Answer(report, type: "application/json")))
        {
            await System.IO.File.WriteAllTextAsync(File, Line(1), Ct);
            Assert.Contains(@"line 1: \u001b[2J: \u009b2J\u202e\u0007", (await CommandTests.RunAsync(_folder, importer.Address, [], "import", File)).Error, StringComparison.Ordinal);
        }

        System.IO.File.Delete(File);
        await using (var refuser = new FalseServer(FalseServer.Answer("""{"code":"\u001b[2J","message":"\u001b]0;x\u0007"}""", status: 400, type: "application/json")))
            await RefusesAsync(refuser, @"\u001b[2J: \u001b]0;x\u0007");

        await System.IO.File.WriteAllTextAsync(File, "\u001b[2Jcat\n00000000-0000-0000-0000-000000000002\n", Ct);
        await using var server = new FalseServer(FalseServer.Answer($"{Line(1).Replace("\"x\"", @"""x\nwithout row\tall""", StringComparison.Ordinal)}\n{Line(2)}\n"));
        var orphans = await CommandTests.RunAsync(_folder, server.Address, [], "orphans", "--public-ids", File);
        Assert.Equal(["without picture\t00000000-0000-0000-0000-000000000001\tx\\u000awithout row\\u0009all", "without row\t\\u001b[2Jcat"], orphans.Output.Trim().Split('\n'));
    }

    private async Task RefusesAsync(FalseServer server, string message)
    {
        var run = await ExportAsync(server);
        Assert.Equal((1, 1), (run.Exit, run.Error.Trim().Split('\n').Length));
        Assert.Contains(message, run.Error, StringComparison.Ordinal);
        Assert.Contains("--resume", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        System.IO.File.Delete(File);
    }

    private Task<(int Exit, string Output, string Error)> ExportAsync(FalseServer server, params string[] options) =>
        CommandTests.RunAsync(_folder, server.Address, [], ["export", File, .. options]);

    private Task<string> ReadAsync() => System.IO.File.ReadAllTextAsync(File, Ct);

    private static string Line(int id) => $$"""{"image_id":"00000000-0000-0000-0000-{{id:x12}}","user_id":"u","image_url":"x","revision":1}""";
}
