using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Gallery.Service;
using Gallery.Service.Page.Demo;
using Gallery.Sql.Database;
using Gallery.Tests.Access;
using Gallery.Tests.Database;
using Gallery.Tests.Service;
using Gallery.Tests.Settings;
using Gallery.Tests.Transfers;
using Microsoft.AspNetCore.Builder;
using Npgsql;

namespace Gallery.Tests.Page;

/// <summary>The command demo and the pictures that the service draws for it.</summary>
public sealed class DemoTests(TestService service) : IClassFixture<TestService>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_open_private_service_is_filled_once_with_images_of_a_year()
    {
        await using var demo = await PrivateService.StartAsync(service.Database.ConnectionString);
        var first = await RunAsync(demo.Address);
        var images = (await demo.Api.GetAsync("/v1/gallery/export/")).Text.Trim().Split('\n').Select(line => JsonNode.Parse(line)!).ToList();

        Assert.Equal((0, $"300 created, 0 updated, 0 unchanged. Open {demo.Address} to see them. 12 of them are in the trash."), (first.Exit, first.Error.Trim()));
        Assert.Equal(300, images.Count);
        Assert.Equal(12, images.Count(image => image["deleted_at"] is not null));
        Assert.Equal(["ada", "jonas", "mira"], images.Select(image => (string)image["user_id"]!).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(["edit", "generate", "upscale", "variation"], images.Select(image => (string)image["intent"]!).Distinct().Order(StringComparer.Ordinal));
        var times = images.Select(image => DateTime.Parse((string)image["created_at"]!, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal)).ToList();
        Assert.InRange(DateTime.UtcNow - times.Max(), TimeSpan.Zero, TimeSpan.FromHours(1));
        Assert.InRange(DateTime.UtcNow - times.Min(), TimeSpan.FromDays(330), TimeSpan.FromDays(366));

        var prompts = images.Select(image => (string?)image["refined_prompt"]).ToList();
        Assert.InRange(prompts.Count(prompt => prompt is null), 1, 20);
        Assert.InRange(prompts.Distinct().Count(), 200, 300);
        foreach (var written in new[] { "\"", "é", "の" }) Assert.Contains(prompts, prompt => prompt?.Contains(written, StringComparison.Ordinal) == true);
        var tags = images.SelectMany(image => image["tags"]!.AsArray()).GroupBy(tag => (string)tag!).Where(tag => tag.Count() >= 8).Select(tag => tag.Key).ToList();
        Assert.InRange(tags.Count, 8, 25);
        Assert.Contains("style:watercolor", tags);
        Assert.Contains(images, image => image["tags"]!.AsArray().Count == 0);

        var second = await RunAsync(demo.Address);
        Assert.Equal((0, "Nothing changed: all 300 invented images are there."), (second.Exit, second.Error.Trim()));
    }

    [Fact]
    public async Task Each_picture_is_drawn_by_the_service_and_the_same_one_each_time()
    {
        await using var demo = await PrivateService.StartAsync(service.Database.ConnectionString);
        var told = JsonNode.Parse((await demo.Api.GetAsync("/page/settings.json")).Text)!;
        var drawn = new HashSet<string>();
        foreach (var image in DemoImage.All.Take(40))
        {
            var answer = await demo.Api.GetAsync($"/page/demo/{image.Id}.svg");
            var picture = XDocument.Parse(answer.Text).Root!;
            var metadata = JsonNode.Parse(image.Line(0, DateTime.UtcNow))!["metadata"]!;

            Assert.Equal((200, "image/svg+xml; charset=utf-8", "public, max-age=86400"), (answer.Status, answer.ContentHeaders.ContentType!.ToString(), answer.Headers.CacheControl!.ToString()));
            Assert.Equal("default-src 'none'; frame-ancestors 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
            Assert.Equal(("svg", $"{metadata["width"]}", $"{metadata["height"]}"), (picture.Name.LocalName, picture.Attribute("width")!.Value, picture.Attribute("height")!.Value));
            Assert.InRange(answer.Text.Length, 1_000, 80_000);
            Assert.DoesNotContain("NaN", answer.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(picture.Descendants(), element => element.Name.LocalName is "script" or "style" || element.Attribute("style") is not null);
            Assert.True(drawn.Add(answer.Text));
            Assert.Equal(answer.Text, new DemoImage(image.Id).Draw());
        }

        Assert.True((bool)told["is_demo"]!);
        Assert.Equal(404, (await demo.Api.GetAsync("/page/demo/nothing.svg")).Status);
        Assert.Equal(200, (await demo.Api.SendAsync(HttpMethod.Head, $"/page/demo/{Guid.NewGuid()}.svg")).Status);
    }

    [Fact]
    public void The_images_have_fixed_ids_and_show_every_scene()
    {
        var images = DemoImage.All.ToList();

        Assert.Equal((300, 300), (images.Count, images.Select(image => image.Id).Distinct().Count()));
        Assert.Equal("1a30e1fb-f2b1-9f45-b7a0-4481b644e35d", images[0].Id.ToString());   // as earlier versions filled services with it
        foreach (var scene in DemoScene.All) Assert.Contains(images, image => scene.Subjects.Any(subject => image.Prompt?.StartsWith(subject, StringComparison.Ordinal) == true));
    }

    [Theory]
    [InlineData("The service asks for credentials", true, "KEYS")]
    [InlineData("The service's database is not its private one", false)]
    [InlineData("The service has no page", true, "GALLERY_PAGE=off")]
    public async Task A_service_that_may_hold_real_images_gets_no_invented_ones(string said, bool isPrivate, params string[] settings)
    {
        await using var other = await PrivateService.StartAsync(service.Database.ConnectionString, isPrivate, [.. settings.Select(setting => setting == "KEYS" ? GuardedService.Keys : setting)]);
        var run = await RunAsync(other.Address, $"GALLERY_KEY={GuardedService.Key}");

        Assert.Equal((1, true, 1), (run.Exit, run.Error.Contains(said, StringComparison.Ordinal), run.Error.Trim().Split('\n').Length));
        Assert.Equal((404, "route_not_found"), await other.Api.GetAsync($"/page/demo/{Guid.NewGuid()}.svg") is var answer ? (answer.Status, answer.Problem) : default);
    }

    [Fact]
    public async Task A_service_that_does_not_answer_is_named_with_the_command_that_starts_one()
    {
        var run = await RunAsync(new Uri("http://127.0.0.1:1"));

        Assert.Equal(1, run.Exit);
        Assert.Contains("http://127.0.0.1:1/ does not answer. Start the service with: dotnet run --project Gallery.Service.", run.Error, StringComparison.Ordinal);
    }

    private static async Task<(int Exit, string Output, string Error)> RunAsync(Uri address, params string[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("gallery-demo-");
        try
        {
            return await CommandTests.RunAsync(folder.FullName, address, settings, "demo");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>A service that takes its database for its private one.</summary>
    private sealed class PrivateService(WebApplication service, NpgsqlDataSource source) : IAsyncDisposable
    {
        public Uri Address { get; } = new(service.Urls.Single());

        public Api Api => field ??= new Api(Address);

        public static async Task<PrivateService> StartAsync(string database, bool isPrivate = true, params string[] settings)
        {
            var given = Given.Settings(settings);
            var source = GalleryDatabase.Create(new NpgsqlConnectionStringBuilder(TestRoles.As(TestRoles.Service, database)) { Pooling = true }, given);
            var service = GalleryService.Build(GalleryService.Prepare(given, ["--urls", "http://127.0.0.1:0", "--Logging:Console:LogLevel:Default", "Critical"]), source, given, isPrivate);
            await service.StartAsync(Ct);
            return new PrivateService(service, source);
        }

        public async ValueTask DisposeAsync()
        {
            Api.Dispose();
            await service.DisposeAsync();
            await source.DisposeAsync();
        }
    }
}
