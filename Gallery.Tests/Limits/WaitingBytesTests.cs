using Gallery.Service.Limits;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gallery.Tests.Limits;

public sealed class WaitingBytesTests
{
    [Fact]
    public void Past_the_maximum_those_with_the_most_are_cut_off_and_bytes_that_wait_no_more_do_not_count()
    {
        var bytes = new WaitingBytes(maximum: 100);
        Lifetime[] requests = [new(), new(), new(), new()];
        var waiting = Array.ConvertAll(requests, request => bytes.Begin(request.Http));

        waiting[0].Add(60);
        waiting[1].Add(40);
        Assert.All(requests, request => Assert.False(request.IsAborted));
        waiting[2].Add(30);   // 130
        Assert.Equal([true, false, false, false], requests.Select(request => request.IsAborted));
        waiting[0].Add(1000);   // has been cut off
        waiting[1].Dispose();
        waiting[3].Add(70);
        Assert.Equal([true, false, false, false], requests.Select(request => request.IsAborted));
        waiting[3].Add(30);
        Assert.Equal([true, false, false, true], requests.Select(request => request.IsAborted));
    }

    private sealed class Lifetime : IHttpRequestLifetimeFeature
    {
        public Lifetime()
        {
            Http = new DefaultHttpContext();
            Http.Features.Set<IHttpRequestLifetimeFeature>(this);
        }

        public HttpContext Http { get; }

        public bool IsAborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => IsAborted = true;
    }
}
