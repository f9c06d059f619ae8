using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Gallery.Tests.Embedded;
using Gallery.Tests.Reliability;
using Gallery.Tests.Service;

namespace Gallery.Tests.Limits;

/// <summary>Connections that are held open by clients that read nothing, or do not finish what they send.</summary>
[Collection<UnderLoad>]
public sealed class HeldMemoryTests
{
    private const int Connections = 1024;
    private const long MostResidentBytes = 400_000_000;
    private const long MostResidentBytesOfMixture = 500_000_000;
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(20);   // a shorter p99 is noise
    private static readonly TimeSpan HeldFor = Sizes.Hold;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private const string Mixture = "do all this in a mixture";

    private const string Flood = "send 2 MB after a request whose answer nobody reads";

    public static TheoryData<string> Kinds => ["read nothing of a page", "read nothing of an image", "read nothing of /openapi/v1.json", "read nothing of /docs/scalar.js", "send half a body", Mixture];

    [Theory]
    [MemberData(nameof(Kinds))]
    [InlineData(Flood)]
    public async Task Memory_is_bounded_probes_are_answered_and_others_hardly_wait(string what)
    {
        using var home = new TemporaryHome();
        await using var service = new ServiceProcess(
            NetworkNamespace.Launcher, "http://127.0.0.1:9999", dotEnv: null, ["GALLERY_DATABASE=embedded", $"GALLERY_DATA={home.Path}"]);
        await service.WaitForServingAsync();
        using var http = Connect(service, keepAlive: true);
        using var probe = Connect(service, keepAlive: false);
        var id = await SaveImagesAsync(http, 20, new string('é', 16_000), new string('m', 60_000));
        var small = await SaveImagesAsync(http, 1, "a lighthouse", "m");
        var requests = (what == Mixture ? Kinds.Select(kind => kind.Data).Where(kind => kind != Mixture) : [what]).Select(kind => Encoding.ASCII.GetBytes(kind switch
        {
            "read nothing of a page" => "GET /v1/gallery/?limit=200 HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "read nothing of an image" => $"GET /v1/gallery/{id}/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "send half a body" => $"POST /v1/gallery/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 262144\r\n\r\n{new string(' ', 131_072)}",
            Flood => $"GET /openapi/v1.json HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nope HTTP/1.1\r\n{new string('z', 2_000_000)}",
            _ => $"GET {kind.Split(' ')[^1]} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        })).ToArray();

        await MeasureAsync(http, small, TimeSpan.FromSeconds(3));   // warm
        var before = await MeasureAsync(http, small, TimeSpan.FromSeconds(3));
        using var stop = new CancellationTokenSource();
        var held = NetworkNamespace.CreateSockets(service.Id, Connections);
        var holding = Task.WhenAll(held.Select((socket, i) => HoldAsync(service, socket, requests[i % requests.Length], stop.Token)));
        var (most, probes, slowest) = (0L, 0, TimeSpan.Zero);
        var watching = Task.Run(async () =>
        {
            for (var watch = Stopwatch.StartNew(); watch.Elapsed < HeldFor; await Task.Delay(250, Ct))
            {
                most = Math.Max(most, ReadBytes(service.Id, "VmRSS:"));
                var since = Stopwatch.StartNew();
                Assert.Equal(200, (int)(await probe.GetAsync("/livez", Ct)).StatusCode);
                slowest = since.Elapsed > slowest ? since.Elapsed : slowest;
                probes++;
            }
        }, Ct);
        await Task.Delay(TimeSpan.FromSeconds(2), Ct);   // until the connections are there
        var after = await MeasureAsync(http, small, HeldFor - TimeSpan.FromSeconds(3));
        await watching;
        await stop.CancelAsync();
        await holding;

        var test = $"memory: {Connections} connections {what}";
        Figures.Add(test, "resident, maximum, MB", most / 1_000_000);
        Figures.Add(test, "p99 of others before, ms", before.TotalMilliseconds);
        Figures.Add(test, "p99 of others meanwhile, ms", after.TotalMilliseconds);
        Figures.Add(test, "slowest probe, ms", slowest.TotalMilliseconds);
        TestContext.Current.SendDiagnosticMessage($"{what}: {most / 1_000_000} MB, p99 {before.TotalMilliseconds:N1} then {after.TotalMilliseconds:N1} ms, {probes} probes, slowest {slowest.TotalMilliseconds:N0} ms");
        Assert.InRange(most, 1, what is Mixture or Flood ? MostResidentBytesOfMixture : MostResidentBytes);
        Assert.InRange(after, TimeSpan.Zero, 3 * (before > Least ? before : Least));
    }

    [Fact]
    public async Task Memory_is_bounded_while_batches_find_large_images()
    {
        using var home = new TemporaryHome();
        await using var service = new ServiceProcess("http://127.0.0.1:0", dotEnv: null, ["GALLERY_DATABASE=embedded", $"GALLERY_DATA={home.Path}"]);
        using var http = new HttpClient { BaseAddress = await service.WaitForServingAsync() };
        var ids = new List<Guid>();
        for (var i = 0; i < 200; i++) ids.Add(await SaveImagesAsync(http, 1, "a lighthouse", new string('m', 60_000)));
        var json = $$"""{"image_ids": ["{{string.Join("\", \"", ids)}}"]}""";

        var found = 0;
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            while (watch.Elapsed < TimeSpan.FromSeconds(10))
            {
                using var answer = await http.PostAsync("/v1/gallery/batch/find/", new StringContent(json, Encoding.UTF8, "application/json"), Ct);
                if ((await answer.Content.ReadAsByteArrayAsync(Ct)).Length > 4_000_000) Interlocked.Increment(ref found);
            }
        }));

        Assert.True(found > 10, $"{found} batches");
        var most = ReadBytes(service.Id, "VmHWM:");
        Figures.Add("memory: 8 clients find batches of large images", "resident, maximum, MB", most / 1_000_000);
        Assert.InRange(most, 1, MostResidentBytes);
    }

    /// <summary>Holds a connection, and opens another one a second after the service ends it.</summary>
    private static async Task HoldAsync(ServiceProcess service, Socket socket, byte[] request, CancellationToken ct)
    {
        for (; ; socket = NetworkNamespace.CreateSockets(service.Id, 1)[0])
        {
            using (socket)
            {
                try
                {
                    await socket.ConnectAsync("127.0.0.1", 9999, ct);
                    for (var sent = 0; sent < request.Length;) sent += await socket.SendAsync(request.AsMemory(sent), ct);
                    while (request.Length < 1000 || socket.Available == 0) await Task.Delay(500, ct);   // a body that comes too late is answered
                }
                catch (OperationCanceledException)
                {
                    return;
                }
                catch (SocketException)
                {
                    // ended by the service
                }
            }

            await Task.Delay(1000, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ct.IsCancellationRequested) return;
        }
    }

    /// <summary>The p99 of a client that finds an image, in a loop.</summary>
    private static async Task<TimeSpan> MeasureAsync(HttpClient http, Guid id, TimeSpan duration)
    {
        var took = new List<TimeSpan>();
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < duration; await Task.Delay(2, Ct))
        {
            var since = watch.Elapsed;
            using var answer = await http.GetAsync($"/v1/gallery/{id}/", Ct);
            Assert.Equal(200, (int)answer.StatusCode);
            took.Add(watch.Elapsed - since);
        }

        return took.Order().ElementAt(took.Count * 99 / 100);
    }

    /// <summary>Returns the last image.</summary>
    private static async Task<Guid> SaveImagesAsync(HttpClient http, int count, string prompt, string text)
    {
        var id = Guid.Empty;
        for (var i = 0; i < count; i++)
        {
            id = Guid.NewGuid();
            var body = $$$"""{"user_id": "u", "image_url": "{{{Api.UrlOf(id)}}}", "refined_prompt": "{{{prompt}}}", "metadata": {"text": "{{{text}}}"}}""";
            using var answer = await http.PostAsync("/v1/gallery/", new StringContent(body, Encoding.UTF8, "application/json"), Ct);
            Assert.Equal(201, (int)answer.StatusCode);
        }

        return id;
    }

    private static HttpClient Connect(ServiceProcess service, bool keepAlive)
    {
        var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (context, ct) =>
            {
                var socket = NetworkNamespace.CreateSockets(service.Id, 1)[0];
                await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, ct);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://127.0.0.1:9999") };
        http.DefaultRequestHeaders.ConnectionClose = !keepAlive;
        return http;
    }

    /// <param name="what">VmRSS: for the resident memory, VmHWM: for its peak.</param>
    private static long ReadBytes(int process, string what) => 1024 * long.Parse(
        File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith(what, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);
}
