using System.Diagnostics;
using System.Text;
using Gallery.Tests.Database;
using Gallery.Tests.Service;

namespace Gallery.Tests.Reliability;

/// <summary>How much memory requests take, and that they release it.</summary>
[Collection<UnderLoad>]
public sealed class MemoryTests(TestServer server)
{
    private const long MostResidentBytes = 250_000_000;
    private const int BodyBytes = 256 * 1024;
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(250);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Under_load_the_resident_size_is_flat()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var service = new ServiceProcess(
            "http://127.0.0.1:0", dotEnv: null, $"DATABASE_URL={TestRoles.As(TestRoles.Service, database.ConnectionString)};Pooling=true", "GALLERY_RATE_LIMIT=0");
        await using var load = new Load(await service.WaitForServingAsync(), pageSize: 100, longPromptEvery: 50);
        using var process = Process.GetProcessById(service.Id);
        var sizes = new List<long>();

        for (var watch = Stopwatch.StartNew(); watch.Elapsed < Sizes.Soak;)
        {
            await Task.Delay(SampleInterval, Ct);
            process.Refresh();
            sizes.Add(process.WorkingSet64);
        }

        await load.StopAsync();
        await load.Journal.CompareAsync(database.ConnectionString);
        var (middle, last, most) = (Median(sizes[(sizes.Count / 3)..(sizes.Count * 2 / 3)]), Median(sizes[(sizes.Count * 2 / 3)..]), sizes.Max());
        const string test = "memory: load with pages of 100 and bodies of 196 KB";
        Figures.Add(test, "minutes", Math.Round(Sizes.Soak.TotalMinutes, 1));
        Figures.Add(test, "load, requests/s", (long)(load.Counts.Answered / load.Counts.Elapsed.TotalSeconds));
        Figures.Add(test, "requests answered", load.Counts.Answered);
        Figures.Add(test, "answered 503 or 504", load.Counts.Unavailable);
        Figures.Add(test, "acknowledged and missing", load.Journal.Missing.Count);
        Figures.Add(test, "acknowledged and different", load.Journal.Different.Count);
        Figures.Add(test, "resident, median of the middle third, MB", middle / 1_000_000);
        Figures.Add(test, "resident, median of the last third, MB", last / 1_000_000);
        Figures.Add(test, "resident, maximum, MB", most / 1_000_000);

        Assert.Equal((0, 0, 0, 0), (load.Counts.Unavailable, load.Unexpected.Count, load.Journal.Missing.Count, load.Journal.Different.Count));
        Assert.InRange(last, 1, middle * 110 / 100);
        Assert.InRange(most, 1, MostResidentBytes);
    }

    /// <summary>
    /// The texts of its rows take 2 times its bytes, in UTF-16. The buffers of the reader and of the answer are reused.
    /// </summary>
    [Fact]
    public async Task A_page_of_100_allocates_3_times_its_bytes_at_most()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var service = await Measured.StartAsync(database);
        for (var i = 0; i < 100; i++)
            Assert.Equal(201, (await service.Api.SaveAsync(Guid.NewGuid(), "u", new string('p', 500), "generate", """{"model": "gemini-pro", "generation_time": 3.5}""")).Status);

        var request = "GET /v1/gallery/?user_id=u&limit=100 HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray();
        var (answered, allocated) = service.Measure([.. Enumerable.Repeat(request, 60)]);

        Figures.Add("memory: a page of 100", "bytes of the answer", answered);
        Figures.Add("memory: a page of 100", "bytes allocated", allocated);
        Assert.InRange(answered, 80_000, 120_000);
        Assert.InRange(allocated, 1, 3 * answered);
    }

    /// <summary>
    /// The body's stream doubles until it fits: 2 times the body. The request's strings take 3/4 of it, because 12 bytes of escapes
    /// become one character of two UTF-16 units. The returned row takes 3/4 again. The rest is for everything else.
    /// </summary>
    [Fact]
    public async Task A_body_of_256_KB_allocates_4_times_its_bytes_at_most()
    {
        await using var database = await server.CreateDatabaseAsync(migrated: true);
        await using var service = await Measured.StartAsync(database);

        var (_, allocated) = service.Measure([.. Enumerable.Range(0, 45).Select(_ => LargestSave())]);

        Figures.Add("memory: a body of 256 KB", "bytes allocated", allocated);
        Assert.InRange(allocated, BodyBytes, 4 * BodyBytes);
    }

    /// <summary>The largest save allowed: the longest prompt, with each character escaped as 12 bytes, and metadata for the rest.</summary>
    private static byte[] LargestSave()
    {
        var prompt = string.Concat(Enumerable.Repeat(@"\ud83c\udf05", 16_384));
        var start = $$$"""{"user_id":"u","image_url":"{{{Api.UrlOf(Guid.NewGuid())}}}","refined_prompt":"{{{prompt}}}","metadata":{"text":""";
        var body = $$$"""{{{start}}}"{{{new string('m', BodyBytes - start.Length - 4)}}}"}}""";
        return Encoding.ASCII.GetBytes($"POST /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }

    private static long Median(List<long> values) => values.Order().ElementAt(values.Count / 2);
}
