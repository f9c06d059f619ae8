using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gallery.Tests.Readme;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Gallery.Tests.Page;

/// <summary>How much the page loads, from where, and how soon it shows something.</summary>
public sealed partial class SizeTests(PageService service) : PageTests(service)
{
    private static readonly TimeSpan MostUntilImages = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task All_scripts_are_together_at_most_100_kb_compressed()
    {
        await SeedAsync(3);
        var page = await OpenAsync();
        await page.Tile("Picture 1").ClickAsync();
        await Expect(page.Opened("Picture 1")).ToBeVisibleAsync();
        var scripts = await page.EvaluateAsync<Script[]>(
            "() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js')).map(({ name, encodedBodySize, decodedBodySize }) => ({ name, encoded: encodedBodySize, decoded: decodedBodySize }))");

        var files = Directory.GetFiles(Path.Combine(Repository.Root, "Gallery.Service", "Page"), "*.js", SearchOption.AllDirectories);
        Assert.Equal(files.Length - 1, scripts.DistinctBy(script => script.Name).Count());   // the page of a link has one of its own
        Assert.InRange(scripts.Sum(script => script.Encoded), 10 * 1024, 100 * 1024);
        Assert.All(scripts.Where(script => script.Decoded > 1000), script => Assert.InRange(script.Encoded, 1, script.Decoded * 3 / 4));
    }

    [Fact]
    public async Task The_first_images_appear_within_a_second()
    {
        await SeedAsync(300);
        var images = TimeSpan.MaxValue;
        for (var round = 0; round < 3 && images > MostUntilImages; round++)   // a busy machine gets another try
        {
            var loads = new List<double>();
            for (var i = 0; i < 3; i++)
            {
                var page = await NewTabAsync();
                await page.AddInitScriptAsync("new MutationObserver(() => { if (document.querySelector('.tile')) window.shown ??= performance.now(); }).observe(document, { childList: true, subtree: true })");
                await page.GotoAsync("/");
                await page.WaitForFunctionAsync("() => window.shown");
                loads.Add(await page.EvaluateAsync<double>("() => window.shown"));
                await page.CloseAsync();
            }

            images = TimeSpan.FromMilliseconds(loads.Order().ElementAt(1));
            TestContext.Current.TestOutputHelper?.WriteLine($"First images after {images.TotalMilliseconds:F0} ms.");
        }

        Assert.InRange(images, TimeSpan.Zero, MostUntilImages);
    }

    [Fact]
    public async Task Nothing_is_requested_from_another_host_than_the_services_and_the_pictures()
    {
        await SeedAsync(70, i => new() { ["tags"] = new JsonArray("sea") });
        var page = await NewTabAsync();
        var hosts = new HashSet<string>();
        page.Context.Request += (_, request) => hosts.Add(new Uri(request.Url).Authority);
        await page.GotoAsync("/");
        await page.Search().FillAsync("picture");
        await page.Button("Filters").ClickAsync();
        await page.GetByRole(AriaRole.Group, new() { Name = "Tags" }).GetByRole(AriaRole.Button).First.ClickAsync();
        await page.Tile("Picture 1").ClickAsync();
        await page.GetByText("History").ClickAsync();
        await Expect(page.GetByText("Created", new() { Exact = true }).Last).ToBeVisibleAsync();
        await page.GotoAsync("/?view=trash");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "The trash is empty" })).ToBeVisibleAsync();

        Assert.Equal([Api.Address.Authority, "res.cloudinary.com"], hosts.Order());
    }

    [Fact]
    public void The_vendored_library_is_the_published_one()
    {
        var folder = Path.Combine(Repository.Root, "Gallery.Service", "Page", "vendor", "lit-html");
        var listed = Hashes().Matches(File.ReadAllText(Path.Combine(folder, "README.md"))).ToDictionary(line => line.Groups["file"].Value, line => line.Groups["hash"].Value);
        var files = Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/'))
            .Where(file => file != "README.md" && !file.EndsWith(".d.ts", StringComparison.Ordinal));

        Assert.Equal(files.ToDictionary(file => file, file => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, file))))), listed);
    }

    [GeneratedRegex("^(?<hash>[0-9a-f]{64})  (?<file>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Hashes();

    private sealed record Script
    {
        public required string Name { get; init; }

        public required long Encoded { get; init; }

        public required long Decoded { get; init; }
    }
}
