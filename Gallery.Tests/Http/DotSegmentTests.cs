using Gallery.Service.Http;
using Gallery.Tests.Limits;
using Gallery.Tests.Service;

namespace Gallery.Tests.Http;

/// <summary>Paths with <c>.</c> or <c>..</c>, which the server would remove before routing.</summary>
public sealed class DotSegmentTests(TestService service) : IClassFixture<TestService>
{
    [Theory]
    [InlineData("..")]
    [InlineData("../")]
    [InlineData("%2E%2E/")]
    [InlineData("%2e./")]
    [InlineData(".%2E")]
    [InlineData("./../")]
    [InlineData("x/%2e/../../")]
    public async Task A_deletion_of_the_tag_two_dots_is_not_one_of_the_image(string tag)
    {
        var id = Guid.NewGuid();
        await service.Api.SaveAsync(id);
        using var connection = await RawConnection.OpenAsync(service.Api.Address);
        await connection.SendAsync($"DELETE /v1/gallery/{id}/tags/{tag} HTTP/1.1\r\nHost: localhost\r\n\r\n");

        var answer = await connection.ReadAsync();

        Assert.Equal((400, "bad_request"), (answer!.Status, answer.Problem));
        Assert.Equal(200, (await service.Api.GetAsync($"/v1/gallery/{id}/")).Status);
    }

    [Theory]
    [InlineData("/.", true)]
    [InlineData("/a/./b", true)]
    [InlineData("/a/.%2e?x=1", true)]
    [InlineData("http://localhost/a/../b", true)]
    [InlineData("", false)]
    [InlineData("*", false)]
    [InlineData("/", false)]
    [InlineData("/a//b/", false)]
    [InlineData("/.../%2e%2e%2e/.a/a./..a", false)]
    [InlineData("/%252e/", false)]
    [InlineData("/..%2F..", false)]     // the server leaves %2F as it is
    [InlineData("/a?x=/../", false)]
    public void Only_whole_segments_of_the_path_count(string target, bool expected) => Assert.Equal(expected, DotSegments.HasOne(target));
}
