using System.Text;
using System.Text.RegularExpressions;
using Gallery.Tests.Service;

namespace Gallery.Tests.Readme;

/// <summary>What the README prints is what a reader gets.</summary>
public sealed partial class ReadmeTests(TestService service) : IClassFixture<TestService>
{
    [Fact]
    public async Task Its_requests_answer_word_for_word_as_printed()
    {
        var requests = Requests().Matches(Repository.Read("README.md"));
        Assert.True(requests.Count >= 18, $"only {requests.Count} requests found");
        foreach (Match request in requests)
        {
            var answer = await SendAsync(SplitWords(request.Groups["command"].Value.Replace("\\\n", " ", StringComparison.Ordinal)));
            Assert.Equal(Mask(request.Groups["answer"].Value.TrimEnd()), Mask(answer));
        }
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/migrations.md")]
    [InlineData("docs/security.md")]
    [InlineData("docs/reliability.md")]
    [InlineData("bench/README.md")]
    [InlineData("examples/README.md")]
    public void Its_links_lead_to_files_that_exist(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;
        var links = Links().Matches(Repository.Read(page)).Select(link => link.Groups[1].Value).ToList();

        Assert.All(links, link => Assert.True(Path.Exists(Path.Combine(folder, link)), link));
    }

    [Fact]
    public void Every_setting_that_the_code_reads_is_in_the_example_file()
    {
        var sources = new[] { "Gallery.Service", "Gallery.Sql", "Gallery.Tests" }
            .SelectMany(project => Directory.EnumerateFiles(Path.Combine(Repository.Root, project), "*.cs", SearchOption.AllDirectories))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("\\obj\\", StringComparison.Ordinal))
            .Where(file => !file.EndsWith("Tests.cs", StringComparison.Ordinal));
        var read = sources.SelectMany(file => Settings().Matches(File.ReadAllText(file))).Select(setting => setting.Groups[1].Value).ToHashSet();
        var listed = Listed().Matches(Repository.Read(".env.example")).Select(setting => setting.Groups[1].Value).ToHashSet();

        Assert.NotEmpty(read);
        Assert.Empty(read.Except(listed));
    }

    [Fact]
    public void Every_code_of_a_problem_is_listed_with_what_to_do()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Repository.Root, "Gallery.Service"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/OpenApi/", StringComparison.Ordinal));
        var used = sources.SelectMany(file => Codes().Matches(File.ReadAllText(file))).Select(code => code.Groups[1].Value).ToHashSet();
        var table = Repository.Read("README.md").Split("### When it fails")[1].Split("\n## ")[0];
        var listed = ListedCodes().Matches(table).Select(code => code.Groups[1].Value).ToHashSet();

        Assert.Equal(used.Order(), listed.Order());
    }

    /// <summary>Sends what curl would, and answers what curl would print.</summary>
    private async Task<string> SendAsync(List<string> words)
    {
        var method = "GET";
        var path = "";
        string? body = null;
        string? format = null;
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
                case "-H" when words[i + 1].StartsWith("Content-Type:", StringComparison.Ordinal): i++; break;
                case "-H" when words[++i].Split(": ", 2) is [var name, var value]: headers.Add((name, value)); break;
                default: path = new Uri(words[i]) is { Port: 9999, Host: "localhost" } uri ? uri.PathAndQuery : throw new InvalidOperationException(words[i]); break;
            }
        }

        var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        var answer = await service.Api.SendAsync(new HttpMethod(method), path, content, [.. headers]);
        return format is null ? answer.Text : answer.Status.ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>A shell's words, as far as the README needs them: white space parts them, single quotes hold them together.</summary>
    private static List<string> SplitWords(string command) =>
        [.. Words().Matches(command).Select(word => word.Groups[1].Success ? word.Groups[1].Value : word.Value)];

    /// <summary>What differs from run to run.</summary>
    private static string Mask(string answer) => Changing().Replace(answer, "*");

    [GeneratedRegex(@"```console\n\$ (?<command>curl (?:[^\n]*\\\n)*[^\n]*)\n(?<answer>.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex Requests();

    [GeneratedRegex(@"'([^']*)'|[^\s']+")]
    private static partial Regex Words();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=""trace_id"":"")[0-9a-f]{32}")]
    private static partial Regex Changing();

    [GeneratedRegex(@"\]\((?!https?:|#)([^)#]+)")]
    private static partial Regex Links();

    [GeneratedRegex("\"((?:SUPABASE_DB|GALLERY)_[A-Z_]+|SUPABASE_URL|SUPABASE_JWT_SECRET|DATABASE_URL|ASPNETCORE_URLS)\"")]
    private static partial Regex Settings();

    /// <summary>A problem's or a refusal's second word, or first: after its status, and before its message.</summary>
    [GeneratedRegex("""(?:StatusCodes\.\w+|\bstatus|\.StatusCode|Unavailable\(|Problem\(|Refusal\(|new\(|SeveralKinds =|\.",)[,\s]*"([a-z]+(?:_[a-z]+)+)"[,);]""")]
    private static partial Regex Codes();

    [GeneratedRegex("`([a-z]+(?:_[a-z]+)+)`")]
    private static partial Regex ListedCodes();

    [GeneratedRegex("^#?([A-Z_]+)=", RegexOptions.Multiline)]
    private static partial Regex Listed();
}
