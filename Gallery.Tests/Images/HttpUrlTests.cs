using Gallery.Service.Images;
using static Gallery.Tests.Images.CloudinaryUrlTests;

namespace Gallery.Tests.Images;

/// <summary>The syntax of a URL, as the service meets it: through <see cref="CloudinaryUrl"/>.</summary>
public sealed class HttpUrlTests
{
    [Theory]
    [InlineData("")]
    [InlineData("/demo/image/upload/" + Id)]
    [InlineData("https:/res.cloudinary.com/demo/" + Id)]
    [InlineData("https:res.cloudinary.com/demo/" + Id)]
    [InlineData("https//res.cloudinary.com/demo/" + Id)]
    [InlineData("file:///res.cloudinary.com/demo/" + Id)]
    [InlineData("javascript://res.cloudinary.com/demo/" + Id)]
    [InlineData("http\u017f://res.cloudinary.com/demo/" + Id)]
    [InlineData("https:///demo/image/upload/" + Id)]
    [InlineData("https://:443/demo/image/upload/" + Id)]
    [InlineData("https://res.cloudinary.com:44x/demo/" + Id)]
    [InlineData("https://res.cloudinary.com:443:443/demo/" + Id)]
    [InlineData("https://[::1/demo/" + Id)]
    public void A_url_is_absolute_http_or_https_with_a_host(string url) => Refuses("malformed_url", url);

    [Theory]
    [InlineData("HTTPS://RES.Cloudinary.COM/demo/image/upload/" + Id)]
    [InlineData("hTTp://res.cloudinary.com/demo/image/upload/" + Id)]
    [InlineData("https://TestCloud-RES.cloudinary.com/image/upload/" + Id)]
    [InlineData("https://Assets.MyCoolSite.com/image/upload/" + Id)]
    public void Scheme_and_host_compare_without_case(string url) => Accepts(url);

    [Theory]
    [InlineData("w_300/")]
    [InlineData("f_auto/")]
    [InlineData("t_thumb/c_fill/")]
    [InlineData("v1/")]
    public void A_transformation_or_version_may_follow_the_resource_type(string path) => Accepts($"https://res.cloudinary.com/demo/image/{path}{Id}.jpg");

    [Theory]
    [InlineData("https://user@res.cloudinary.com/demo/" + Id)]
    [InlineData("https://user:password@res.cloudinary.com/demo/" + Id)]
    [InlineData("https://res.cloudinary.com@evil.example/demo/" + Id)]
    [InlineData("https://@res.cloudinary.com/demo/" + Id)]
    public void A_user_name_in_the_authority_is_malformed(string url) => Refuses("malformed_url", url);

    [Theory]
    [InlineData(" " + Upload + Id)]
    [InlineData(Upload + Id + " ")]
    [InlineData(Upload + Id + "\n")]
    [InlineData(Upload + "my cat/" + Id)]
    [InlineData(Upload + Id + "?a=b c")]
    [InlineData(Upload + Id + "#a b")]
    [InlineData(Upload + "\u00a0/" + Id)]
    [InlineData(Upload + "\u2028/" + Id)]
    [InlineData(Upload + "\u3000/" + Id)]
    [InlineData(Upload + "\t" + Id)]
    [InlineData(Upload + "\0" + Id)]
    [InlineData(Upload + "\u007f" + Id)]
    [InlineData(Upload + "\u0085" + Id)]
    [InlineData(@"https:\\res.cloudinary.com\demo\" + Id)]
    [InlineData(@"https://res.cloudinary.com/demo\" + Id)]
    [InlineData(Upload + "{" + Id + "}")]
    [InlineData(Upload + "<" + Id + ">")]
    [InlineData(Upload + "\"" + Id + "\"")]
    [InlineData(Upload + "^" + Id)]
    [InlineData(Upload + "`" + Id)]
    [InlineData(Upload + Id + "?a=b|c")]
    [InlineData(Upload + Id + "#{}")]
    public void White_space_controls_and_what_no_url_holds_raw_are_malformed_anywhere(string url) => Refuses("malformed_url", url);

    [Theory]
    [InlineData('\ud83d', "")]
    [InlineData('\ud83d', "/")]
    [InlineData('\ude00', "")]
    [InlineData('\ude00', "\ud83d")]
    public void Half_a_surrogate_pair_is_malformed(char half, string after) => Refuses("malformed_url", $"{Upload}{Id}{half}{after}");

    [Theory]
    [InlineData(Upload + Id + "%")]
    [InlineData(Upload + Id + "%4")]
    [InlineData(Upload + "%4G" + Id)]
    [InlineData(Upload + "%%41" + Id)]
    [InlineData(Upload + "%u0041" + Id)]
    [InlineData(Upload + "%+1" + Id)]
    [InlineData(Upload + "%\uff11\uff11" + Id)]
    [InlineData(Upload + Id + "?a=%ZZ")]
    [InlineData(Upload + Id + "#%Z")]
    [InlineData("https://res%ZZ.cloudinary.com/demo/" + Id)]
    public void Broken_percent_encoding_is_malformed_anywhere(string url) => Refuses("malformed_url", url);

    [Theory]
    [InlineData("%FF")]
    [InlineData("%E2%98")]
    [InlineData("%E2\u263a")]
    [InlineData("%C0%AF")]
    [InlineData("%ED%A0%80")]
    [InlineData("%F4%90%80%80")]
    [InlineData("%00")]
    [InlineData("%0D%0A")]
    [InlineData("%7F")]
    [InlineData("%C2%85")]
    public void Percent_encoded_bytes_of_the_path_are_utf8_without_controls(string encoded)
    {
        Refuses("malformed_url", $"{Upload}{encoded}/{Id}");
        Refuses("malformed_url", $"{Upload}{Id}{encoded}");
        Accepts($"{Upload}{Id}?a={encoded}");
    }

    [Theory]
    [InlineData("été/")]
    [InlineData("日本/")]
    [InlineData("\ud83d\ude00/")]
    [InlineData("[x]/")]
    [InlineData("%F0%9F%98%80/")]
    [InlineData("a+b&c=d;e,f$h'i(j)*~@:/")]
    [InlineData("%5C%22%3F%23/")]
    public void Letters_of_any_script_and_square_brackets_stand_raw_in_a_path(string folder)
    {
        Accepts(Upload + folder + Id);
        Accepts(Upload + folder[..^1] + "_" + Id);
    }

    [Theory]
    [InlineData(Upload + "users%2F" + Id + "%2Fcat.png", "no_uuid_in_file_name")]
    [InlineData(Upload + "users%2f" + OtherId + "%2f" + Id, Id)]
    [InlineData("https://res.cloudinary.com/demo%2Fimage%2Fupload%2F" + Id, Id)]
    [InlineData(Upload + Id + "%2F", "malformed_url")]
    [InlineData(Upload + "550e8400%252De29b-41d4-a716-446655440000", "no_uuid_in_file_name")]
    [InlineData(Upload + "users%252F_" + Id, Id)]
    [InlineData(Upload + "users%252F" + Id, "no_uuid_in_file_name")]
    [InlineData(Upload + "%35%35%30e8400-e29b-41d4-a716-446655440000", Id)]
    [InlineData(Upload + "%61" + Id, "no_uuid_in_file_name")]
    [InlineData(Upload + "cat.png%3Fid=" + Id, Id)]
    [InlineData(Upload + "l_text:Arial_40:hello%2F" + Id + ".png", "no_uuid_in_file_name")]
    [InlineData(Upload + "u_logos%3Aa%2F..%2F" + Id, "no_uuid_in_file_name")]
    [InlineData(Upload + "w_100,l_logos:a%2F" + Id, "no_uuid_in_file_name")]
    [InlineData(Upload + "fl_splice:a%2F" + OtherId + "/" + Id, Id)]
    [InlineData(Upload + "users%2Fl_logos:" + OtherId + "%2F" + Id, Id)]
    [InlineData("https://res.cloudinary.com/demo/images/l_logos:a%2F" + Id + "/hello", "no_uuid_in_file_name")]
    [InlineData("https://res.cloudinary.com/demo/images/l_logos:a%2F" + OtherId + "/" + Id, "ambiguous_uuid")]
    [InlineData("https://res.cloudinary.com/demo/%69mage/f%65tch/" + Id, "unsupported_delivery_type")]
    public void The_path_is_decoded_once_and_an_encoded_slash_separates_except_in_a_layer(string url, string expected) => Answers(expected, url);

    [Theory]
    [InlineData(Upload + "../" + Id)]
    [InlineData(Upload + "./" + Id)]
    [InlineData(Upload + Id + "/..")]
    [InlineData(Upload + "%2e%2E/" + Id)]
    [InlineData(Upload + "a%2F..%2F" + Id)]
    [InlineData("https://res.cloudinary.com/../demo/image/upload/" + Id)]
    [InlineData("https://res.cloudinary.com/../image/fetch/" + Id)]
    [InlineData("https://res.cloudinary.com/demo/image/../upload/" + Id)]
    [InlineData("https://res.cloudinary.com/demo/../video/upload/" + Id)]
    [InlineData("https://assets.mycoolsite.com/./video/upload/" + Id)]
    public void Dot_segments_are_malformed(string url) => Refuses("malformed_url", url);

    [Theory]
    [InlineData("", "")]
    [InlineData("?_a=BAVAfVDW0#top", "?_a=BAVAfVDW0#top")]
    [InlineData("?", "?")]
    [InlineData("?#", "?#")]
    [InlineData("?__cld_token__=st=1~exp=2~hmac=ab", "")]
    [InlineData("?__cld_token__=x#top", "#top")]
    [InlineData("?__cld_token__", "")]
    [InlineData("?__cld_token__=x&", "?")]
    [InlineData("?a=%2f&__cld_token__=x&&b", "?a=%2f&&b")]
    [InlineData("?__cld_token__=x&a&__CLD_Token__=y", "?a")]
    [InlineData("?__cld_token__=x&__cld_token__=y&a#b", "?a#b")]
    [InlineData("?%5F_cld%5ftoken__=x&%61=1", "?%61=1")]
    [InlineData("?a=1;__cld_token__=x", "?a=1")]
    [InlineData("?a=1;__cld_token__=x;b&c", "?a=1;b&c")]
    [InlineData("?__cld_token__=x;b", "?b")]
    [InlineData("?%00__cld_token__=x&a", "?a")]
    [InlineData("?a?__cld_token__=x", "?a")]
    [InlineData("?a=1%26__cld_token__=x&b", "?a=1&b")]
    [InlineData("?u=https%3A%2F%2Fx%3F__cld_token__%3Dx%3bb", "?u=https%3A%2F%2Fx%3bb")]
    [InlineData("?__cld_token__=st=1~acl=/image/*~hmac=ab", "")]
    [InlineData("#__cld_token__=x", "")]
    [InlineData("#?__cld_token__=x", "#")]
    [InlineData("#top&__cld_token__=x;b", "#top;b")]
    [InlineData("?__cld_token__=x#__cld_token__=y&b", "#b")]
    [InlineData("%3F__cld_token__=x", "")]
    [InlineData(";__cld_token__=x", "")]
    [InlineData("?__cld_token=x", "?__cld_token=x")]
    [InlineData("?a=cld_token", "?a=cld_token")]
    [InlineData("?__cld_to\u212Aen__=x", "?__cld_to\u212Aen__=x")]
    public void The_stored_url_is_the_one_sent_without_access_tokens(string after, string stored)
    {
        const string url = "hTTps://RES.cloudinary.com:443/demo/image/upload/%7b550E8400-e29b-41d4-a716-446655440000%7D.PNG";
        Assert.Equal(new CloudinaryUrl(Guid.Parse(Id), url + stored, Error: null), CloudinaryUrl.Parse(url + after, Hosts));
    }
}
