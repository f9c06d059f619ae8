using System.Text;
using System.Text.RegularExpressions;
using Gallery.Tests.Service;

namespace Gallery.Tests.Readme;

/// <summary>What the pages print is what a reader gets.</summary>
public sealed partial class ReadmeTests(TestService service) : IClassFixture<TestService>
{
    /// <summary>Every page of the repository. Its folders that tools write are left out.</summary>
    public static TheoryData<string> Pages =>
        [.. Directory.EnumerateFiles(Repository.Root, "*.md", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3 })
            .Select(path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Where(page => !BuildFolders().IsMatch(page))
            .Order()];

    [Theory]
    [InlineData("README.md", 2)]
    [InlineData("docs/api/images.md", 28)]
    [InlineData("docs/api/batches.md", 8)]
    [InlineData("docs/api/tags.md", 10)]
    [InlineData("docs/api/search.md", 10)]
    [InlineData("docs/api/history.md", 4)]
    [InlineData("docs/api/erasure.md", 5)]
    [InlineData("docs/api/export-import.md", 4)]
    [InlineData("docs/api/sharing.md", 12)]
    [InlineData("docs/api/statistics.md", 8)]
    [InlineData("docs/api/usage.md", 8)]
    public async Task Its_requests_answer_word_for_word_as_printed(string page, int atLeast)
    {
        var requests = Requests().Matches(Repository.Read(page));
        Assert.True(requests.Count >= atLeast, $"only {requests.Count} requests found");
        var names = new Dictionary<string, string>();   // what the service made up, by what the page prints instead
        var renewed = Repository.Read(page);
        foreach (Match request in requests)
        {
            var (command, printed) = (request.Groups["command"].Value.Replace("\\\n", " ", StringComparison.Ordinal), request.Groups["answer"].Value.TrimEnd());
            var answer = (await SendAsync(SplitWords(names.Aggregate(command, (text, name) => text.Replace(name.Key, name.Value, StringComparison.Ordinal))))).TrimEnd();
            foreach (var (onPage, given) in MadeUp().Matches(printed).Zip(MadeUp().Matches(answer))) names[onPage.Value] = given.Value;
            var asPrinted = names.Aggregate(answer, (text, name) => text.Replace(name.Value, name.Key, StringComparison.Ordinal)).Replace($"{service.Api.Address}", "http://localhost:9999/", StringComparison.Ordinal);
            if (!Repository.IsRegenerating) Assert.Equal(Mask(printed), Mask(asPrinted));
            else if (Mask(printed) != Mask(asPrinted)) renewed = renewed.Replace(printed, asPrinted, StringComparison.Ordinal);
        }

        if (Repository.IsRegenerating) Repository.AssertCommitted(renewed, page);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Its_links_lead_to_files_and_headings_that_exist(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        Assert.All(Links().Matches(Repository.Read(page)), link =>
        {
            var (file, heading) = (link.Groups["file"].Value, link.Groups["heading"].Value);
            var path = file.Length == 0 ? Path.Combine(Repository.Root, page) : Path.Combine(folder, file);
            Assert.True(Path.Exists(path), link.Value);
            if (heading.Length > 0) Assert.Contains(heading, Headings().Matches(File.ReadAllText(path)).Select(line => Anchor(line.Groups[1].Value)));
        });
    }

    [Fact]
    public void The_README_takes_ten_minutes_to_read() => Assert.InRange(Repository.Read("README.md").Split('\n').Length, 50, 150);

    [Fact]
    public void No_two_pages_or_examples_share_an_image()
    {
        var files = Pages.Select(row => row.Data)
            .Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "examples")).Where(file => !file.EndsWith(".md", StringComparison.Ordinal)))
            .Append("Gallery.Service/OpenApi/v1.json");
        var shared = files
            .SelectMany(file => Uuids().Matches(Repository.Read(file)).Select(uuid => (Uuid: uuid.Value, File: file)).Distinct())
            .GroupBy(use => use.Uuid, use => use.File)
            .Where(uses => uses.Count() > 1)
            .Select(uses => $"{uses.Key} is in {string.Join(", ", uses)}");

        Assert.Empty(shared);
    }

    [Fact]
    public void Every_setting_that_the_code_reads_is_in_the_example_file()
    {
        var sources = new[] { "Gallery.Service", "Gallery.Sql", "Gallery.Tests" }.SelectMany(Sources)
            .Where(file => !file.EndsWith("Tests.cs", StringComparison.Ordinal));
        var read = sources.SelectMany(file => Settings().Matches(File.ReadAllText(file))).Select(setting => setting.Groups[1].Value).ToHashSet();
        var listed = Listed().Matches(Repository.Read(".env.example")).Select(setting => setting.Groups[1].Value).ToHashSet();

        Assert.NotEmpty(read);
        Assert.Empty(read.Except(listed));
    }

    [Fact]
    public void Every_code_of_a_problem_is_listed_once_with_its_meaning_and_cure()
    {
        var used = Sources("Gallery.Service").Where(file => !file.Contains("/OpenApi/", StringComparison.Ordinal))
            .SelectMany(file => Codes().Matches(File.ReadAllText(file))).Select(code => code.Groups[1].Value + code.Groups[2].Value).Distinct();
        var listed = ListedCodes().Matches(Repository.Read("docs/errors.md")).Select(code => code.Groups[1].Value);

        Assert.Equal(used.Order(), listed.Order());
    }

    [Fact]
    public void Every_message_that_troubleshooting_quotes_is_one_of_the_programs()
    {
        var sources = string.Concat(new[] { "Gallery.Service", "Gallery.Sql" }.SelectMany(Sources).Select(File.ReadAllText));
        var tables = Tables().Matches(Repository.Read("docs/troubleshooting.md")).Select(table => table.Value).ToList();
        var quoted = tables.SelectMany(table => FirstCells().Matches(table)).SelectMany(cell => Quoted().Matches(cell.Value)).Select(quote => quote.Groups[1].Value).ToList();

        Assert.True(quoted.Count >= 15, $"only {quoted.Count} messages found");
        Assert.All(quoted, message => Assert.Contains(message, sources, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Sources(string project) =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, project), "*.cs", SearchOption.AllDirectories).Where(file => !BuildFolders().IsMatch(file));

    /// <summary>Sends what curl would, and answers what curl would print.</summary>
    private async Task<string> SendAsync(List<string> words)
    {
        var method = "GET";
        var path = "";
        string? body = null;
        string? format = null;
        var type = "application/json";
        var headers = new List<(string, string)>();
        for (var i = 1; i < words.Count; i++)
        {
            switch (words[i])
            {
                case "-s": break;
                case "-o": i++; break;
                case "-X": method = words[++i]; break;
                case "-d": body = words[++i]; break;
                case "-w": format = words[++i]; break;
                case "-H" when words[++i].Split(": ", 2) is [var name, var value]:
                    if (name == "Content-Type") type = value;
                    else headers.Add((name, value));
                    break;
                default: path = new Uri(words[i]) is { Port: 9999, Host: "localhost" } uri ? uri.PathAndQuery : throw new InvalidOperationException(words[i]); break;
            }
        }

        if (method == "GET") await service.CountVisitsAsync();   // a reader is slower than a second
        var content = body is null ? null : new StringContent(body, Encoding.UTF8, type);
        var answer = await service.Api.SendAsync(new HttpMethod(method), path, content, [.. headers]);
        return format is null ? answer.Text : answer.Status.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>A shell's words, as far as the pages need them: white space separates them, single quotes keep them together.</summary>
    private static List<string> SplitWords(string command) =>
        [.. Words().Matches(command).Select(word => word.Groups[1].Success ? word.Groups[1].Value : word.Value)];

    /// <summary>Hides what differs from run to run.</summary>
    private static string Mask(string answer) => Changing().Replace(answer, "*");

    /// <summary>A heading's name in a link, as GitHub makes it.</summary>
    private static string Anchor(string heading) => NotInAnchors().Replace(heading.ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"```console\n\$ (?<command>curl (?:[^\n]*\\\n)*[^\n]*)\n(?<answer>.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Requests();

    [GeneratedRegex(@"'([^']*)'|[^\s']+")]
    private static partial Regex Words();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z|(?<=""trace_id"":"")[0-9a-f]{32}|(?<=""next_cursor"":"")[\w-]+|(?<=\\u0022|"")\d+-\d{10}\.\d{6}(?=\\u0022|"")|(?<=""(?:from|to|start)"":"")\d{4}-\d\d-\d\d(?="")|(?<=""(?:period|value)"":""|such as )\d{4}-\d\d(?=""|\.)|(?<=""(?:version|commit)"":"")[\w.+-]+")]
    private static partial Regex Changing();

    [GeneratedRegex(@"(?<=""(token|share_id)"":"")[\w-]+", RegexOptions.ExplicitCapture)]
    private static partial Regex MadeUp();

    [GeneratedRegex(@"\]\((?!https?:)(?<file>[^)#]*)(?:#(?<heading>[^)]+))?\)")]
    private static partial Regex Links();

    [GeneratedRegex("^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Headings();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"(^|[\\/])(bin|obj|node_modules|TestResults)[\\/]")]
    private static partial Regex BuildFolders();

    [GeneratedRegex("(?<![0-9a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])", RegexOptions.IgnoreCase)]
    private static partial Regex Uuids();

    [GeneratedRegex("\"((?:SUPABASE_DB|GALLERY)_[A-Z_]+|SUPABASE_URL|SUPABASE_JWT_SECRET|DATABASE_URL|ASPNETCORE_URLS)\"")]
    private static partial Regex Settings();

    /// <summary>A code, where a problem or a refusal is made: after its status, or as its first word.</summary>
    [GeneratedRegex("""
        (?:\b[45]\d\d,|StatusCodes\.\w+,|Forbidden\(|Refusal\(|Problem\(|new\(|SeveralKinds =|Of\("\w+", "[^"]*",)\s*"([a-z]+(?:_[a-z]+)+)"[,);]|Unavailable\("([a-z_]+)",
        """)]
    private static partial Regex Codes();

    [GeneratedRegex(@"^\| `([a-z_]+)` \| \d{3} \| .+ \| .+ \|$", RegexOptions.Multiline)]
    private static partial Regex ListedCodes();

    [GeneratedRegex(@"^\| the message says .*\n(?:\|.*\n)+", RegexOptions.Multiline)]
    private static partial Regex Tables();

    [GeneratedRegex(@"^\|[^|]*\|", RegexOptions.Multiline)]
    private static partial Regex FirstCells();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex("^#?([A-Z_]+)=", RegexOptions.Multiline)]
    private static partial Regex Listed();
}
