using System.Diagnostics;
using System.Text;
using Gallery.Service.Images;
using static Gallery.Tests.Images.CloudinaryUrlTests;

namespace Gallery.Tests.Images;

public sealed class CloudinaryUrlFuzzTests
{
    [Fact]
    public void Whatever_is_sent_no_parse_throws_and_an_id_is_in_the_last_segment_of_the_public_id()
    {
        var random = new Random(20_250_601);
        var codes = new Dictionary<string, int>();
        string[] seeds =
        [
            .. CloudinaryUrlTests.ConformanceTable().Select(row => row.Data.Item1),
            Upload + $"l_logos:{OtherId}/v1/{Id}.png?a=b&__cld_token__=x#top",
            $"https://demo-res.cloudinary.com/private_images/s--abcd1234--/w_1,l_a:{OtherId}/{Id}/hello.jpg",
            $"https://assets.mycoolsite.com/demo/authenticated_images/v1/{OtherId}/{Id}",
        ];
        string[] pieces =
        [
            Id, OtherId, Nil, "/", "//", "?", "#", "%", "%2F", "%2D", "%25", "%E2%98%BA", "%FF", "%00", ".", "..", "/../", ":", ",", "@",
            "_", "-", "s--abcd1234--/", "v1/", "l_logos:", ",u_a:", "!", "$", "fl_x:", "w_1,", "images/", "image/", "video/", "upload/", "fetch/",
            "iu/", "demo/", "https://", "é", "\ud83d\ude00", "\ud83d", " ", "\\", "{", "__cld_token__=", "&", ";", "=", "a", "F", "0",
        ];

        for (var i = 0; i < 20_000; i++)
        {
            var url = new StringBuilder(seeds[random.Next(seeds.Length)]);
            for (var mutations = random.Next(1, 5); mutations > 0; mutations--)
            {
                var at = random.Next(url.Length + 1);
                var length = random.Next(Math.Min(8, url.Length - at) + 1);
                var cut = url.ToString(at, length);
                _ = random.Next(5) switch
                {
                    0 => url.Remove(at, length),
                    1 => url.Insert(at, cut),
                    2 => url.Remove(at, length).Insert(at, string.Concat(Encoding.UTF8.GetBytes(cut).Select(b => $"%{b:x2}"))),
                    3 => url.Remove(at, length).Insert(at, pieces[random.Next(pieces.Length)]),
                    _ => url.Insert(at, pieces[random.Next(pieces.Length)]),
                };
            }

            var image = CloudinaryUrl.Parse(url.ToString(), Hosts);
            var code = image.Error?.Code ?? "";
            codes[code] = codes.GetValueOrDefault(code) + 1;
            if (image.Stored is { } stored)
            {
                Assert.Null(image.Error);
                var segments = Uri.UnescapeDataString(stored.Split('#')[0].Split('?')[0]).Split('/', StringSplitOptions.RemoveEmptyEntries)[2..];
                var isSeo = segments.Take(2).Any(segment => segment is "images" or "private_images" or "authenticated_images");
                Assert.Contains(
                    segments.TakeLast(isSeo ? 2 : 1),
                    segment => segment.Contains(image.ImageId.ToString(), StringComparison.OrdinalIgnoreCase));
                Assert.NotEqual(Guid.Empty, image.ImageId);
                var pathEnd = stored.IndexOfAny(['?', '#', ';']);
                Assert.DoesNotContain(
                    "__cld_token__", Uri.UnescapeDataString(pathEnd < 0 ? "" : stored[pathEnd..]), StringComparison.OrdinalIgnoreCase);
                Assert.Equal(image, CloudinaryUrl.Parse(stored, Hosts));
            }
        }

        // The loop met every answer often enough to mean something.
        Assert.Equal(8, codes.Count);
        Assert.All(codes, answers => Assert.True(answers.Value >= 20, $"{answers.Key}: {answers.Value}"));
        Assert.True(codes[""] >= 2_000, $"{codes[""]} ids");
    }

    [Theory]
    [InlineData("a")]
    [InlineData("-")]
    [InlineData("/")]
    [InlineData("a/")]
    [InlineData(",")]
    [InlineData("w_1,")]
    [InlineData("l_a,")]
    [InlineData("l_a:")]
    [InlineData("l_a:b,")]
    [InlineData("$a_")]
    [InlineData("/l_a:%2F")]
    [InlineData("%2F")]
    [InlineData("%41")]
    [InlineData("0000-")]
    [InlineData("550e8400-e29b-41d4-a716-44665544")]
    [InlineData(Id + "_")]
    [InlineData("?")]
    [InlineData("&__cld_token__=")]
    [InlineData("%3B")]
    [InlineData("%25")]
    [InlineData("-res.")]
    [InlineData("[")]
    [InlineData(":")]
    public void Time_is_linear_in_the_length(string piece)
    {
        // Far past the 2,048 characters that the service takes, where quadratic work would run for minutes.
        var many = string.Concat(Enumerable.Repeat(piece, 500_000 / piece.Length));
        var watch = Stopwatch.StartNew();
        foreach (var url in new[]
        {
            many,
            "https://" + many,
            Upload + many,
            $"{Upload}l_{many}",
            $"{Upload}w_{many}",
            $"{Upload}{Id}?{many}",
            $"https://demo-res.cloudinary.com/images/{many}/{Id}",
            $"https://demo-res.cloudinary.com/images/w_1,{many}{Id}/x",
        })
        {
            _ = CloudinaryUrl.Parse(url, Hosts);
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"took {watch.Elapsed}");
    }
}
