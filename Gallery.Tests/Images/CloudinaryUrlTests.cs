using Gallery.Service.Images;

namespace Gallery.Tests.Images;

/// <summary>The rule, with its table; its syntax and hosts are in <see cref="HttpUrlTests"/> and <see cref="ImageHostsTests"/>.</summary>
public sealed class CloudinaryUrlTests
{
    internal const string Id = "550e8400-e29b-41d4-a716-446655440000";
    internal const string OtherId = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    internal const string Nil = "00000000-0000-0000-0000-000000000000";
    internal const string Upload = "https://res.cloudinary.com/demo/image/upload/";

    internal static readonly ImageHosts Hosts = ImageHosts.Parse("assets.mycoolsite.com,cdn.example.com,images.client.io,media.shop.co.uk");

    public static TheoryData<string, string, string> ConformanceTable() => Table("cloudinary-urls.tsv");

    /// <summary>URLs that the official SDKs made. The expected UUID is in the public ID that they were given.</summary>
    public static TheoryData<string, string, string> SdkTable() => Table("cloudinary-sdk-urls.tsv");

    /// <summary>URLs with more than one reading, or made by the SDK in the configuration that the row names.</summary>
    public static TheoryData<string, string, string> ReadingsTable() => Table("cloudinary-url-readings.tsv");

    [Theory]
    [MemberData(nameof(ConformanceTable))]
    [MemberData(nameof(SdkTable))]
    [MemberData(nameof(ReadingsTable))]
    public void Every_row_of_the_tables_holds(string url, string expected, string reason) =>
        Assert.True(expected == Answer(url), $"{reason}: expected {expected}, got {Answer(url)}");

    [Fact]
    public void The_tables_have_all_their_rows() =>
        Assert.Equal((60, 97, 74), (ConformanceTable().Count, SdkTable().Count, ReadingsTable().Count));

    [Theory]
    [InlineData("video/upload/" + Id)]
    [InlineData("video/fetch/https://evil.example//" + Id)]
    [InlineData("raw/upload//")]
    [InlineData("raw/private/s--abcd1234--/" + Id)]
    [InlineData("videos/" + Id + "/" + OtherId)]
    [InlineData("files/" + Id + "/report.pdf")]
    [InlineData("files/2024/" + Id)]
    [InlineData("video/upload/../" + Id)]
    public void Video_and_raw_are_unsupported_whatever_follows(string path) =>
        Refuses("unsupported_resource_type", "https://res.cloudinary.com/demo/" + path);

    [Theory]
    [InlineData("video/")]
    [InlineData("video/holiday/")]
    [InlineData("raw/")]
    [InlineData("videos/")]
    [InlineData("files/")]
    [InlineData("image/2024/")]
    [InlineData("v1/video/upload/")]
    [InlineData("v1/files/2024/")]
    [InlineData("v1/image/fetch/")]
    [InlineData("w_300/image/upload/v1/")]
    [InlineData("s--abcd1234--/videos/" + OtherId + "/")]
    public void A_resource_type_without_a_delivery_type_is_a_folder_of_a_root_path(string folder)
    {
        Accepts($"https://res.cloudinary.com/demo/{folder}{Id}.jpg");
        Accepts($"https://demo-res.cloudinary.com/{folder}{Id}.jpg");
        Accepts($"https://assets.mycoolsite.com/{folder}{Id}.jpg");
        Refuses("no_uuid_in_file_name", $"https://assets.mycoolsite.com/{folder}cat.jpg");
    }

    [Theory]
    [InlineData("fetch/https://evil.example/" + Id)]
    [InlineData("fetch/https%3A%2F%2Fevil.example%2F" + Id)]
    [InlineData("fetch/https://evil.example/a//b/")]
    [InlineData("fetch/https://evil.example/../" + Id)]
    [InlineData("fetch")]
    [InlineData("fetch/")]
    [InlineData("facebook/" + Id)]
    [InlineData("sprite/logo.png")]
    [InlineData("Upload/" + Id)]
    [InlineData("list/cats.json")]
    [InlineData("not_thought_of_yet/" + Id)]
    public void Delivery_types_of_images_kept_elsewhere_are_unsupported_whatever_follows(string path) =>
        Refuses("unsupported_delivery_type", "https://res.cloudinary.com/demo/image/" + path);

    [Theory]
    [InlineData("upload/")]
    [InlineData("private/")]
    [InlineData("authenticated/")]
    [InlineData("")]
    public void Upload_private_and_authenticated_are_served_and_so_is_a_root_path_beginning_with_image(string type) =>
        Accepts($"https://res.cloudinary.com/demo/image/{type}{Id}.png");

    [Theory]
    [InlineData("")]
    [InlineData("?a=/demo/image/upload/" + Id)]
    [InlineData("#/demo/image/upload/" + Id)]
    [InlineData("/")]
    [InlineData("/demo")]
    [InlineData("/demo/")]
    [InlineData("/demo/image")]
    [InlineData("/demo/image/")]
    [InlineData("/demo/image/upload")]
    [InlineData("/demo/image/upload//")]
    [InlineData("/demo/images")]
    [InlineData("/demo/images/")]
    [InlineData("/demo/iu")]
    [InlineData("/v1/images/" + Id + "/" + OtherId)]
    [InlineData("/s--abcd1234--/" + Id)]
    [InlineData("/demo/image/" + Id + "/")]
    [InlineData("/demo/image/" + Id + "//")]
    [InlineData("/demo/image/" + Id + "%2F")]
    [InlineData("/demo/" + Id + "/")]
    [InlineData("/demo/images/" + Id + "/")]
    public void A_path_without_a_cloud_name_or_file_name_is_malformed(string path) =>
        Refuses("malformed_url", "https://res.cloudinary.com" + path);

    [Theory]
    [InlineData("//demo/image/upload/" + Id)]
    [InlineData("//image/upload/" + Id)]
    [InlineData("/demo//image/upload/" + Id)]
    [InlineData("/demo/image//upload///" + Id)]
    [InlineData("/demo/image//" + Id)]
    [InlineData("/demo/image/upload//ai/" + Id)]
    [InlineData("/demo/image/upload/v1//" + Id)]
    [InlineData("/demo/image/upload/%2F%2f/" + Id)]
    [InlineData("/demo//" + Id)]
    [InlineData("/demo/images/" + Id + "//hello")]
    [InlineData("//demo//images//v1//" + Id + "//hello")]
    public void Doubled_slashes_are_read_as_one(string path) => Accepts("https://res.cloudinary.com" + path);

    [Theory]
    [InlineData("image/upload/s--abcd1234--/")]
    [InlineData("image/upload/s--abcdefghijklmnopqrstuvwxyz_-0123--/c_fill,w_300/f_auto/v17/folder/")]
    [InlineData("image/upload/l_text:Arial_20:" + OtherId + "/fl_layer_apply/")]
    [InlineData("image/upload/u_folder:" + OtherId + ",w_100/")]
    [InlineData("image/upload/fl_splice:" + OtherId + "/")]
    [InlineData("image/upload/d_" + OtherId + ".png/")]
    [InlineData("image/upload/t_" + OtherId + "/")]
    [InlineData("image/upload/l_fetch:aHR0cHM6Ly9l/" + OtherId + "/")]
    [InlineData("s--abcd1234--/c_fill/v1/")]
    [InlineData("iu/s--abcd1234--/c_fill/v1/" + OtherId + "/")]
    public void Only_the_last_segment_names_the_image(string before)
    {
        Accepts($"https://res.cloudinary.com/demo/{before}{Id}.jpg?id={OtherId}#{OtherId}");
        Refuses("no_uuid_in_file_name", $"https://res.cloudinary.com/demo/{before}cat.jpg?id={Id}#{Id}");
    }

    [Theory]
    [InlineData("l_logos:" + Id)]
    [InlineData("u_logos:" + Id + ".png")]
    [InlineData("fl_splice:" + Id)]
    [InlineData("l_logos%3A" + Id)]
    [InlineData("l_text:Arial_20:a,b%20" + Id)]
    [InlineData("w_100,l_logos:" + Id)]
    [InlineData("$x_1,u_logos:" + Id)]
    [InlineData("l_a,b:" + Id)]
    [InlineData("e_art:" + Id)]
    [InlineData("fn_wasm:" + Id + ".wasm")]
    [InlineData("w_100,l_text:Arial_20:a,b%20" + Id)]
    [InlineData("$a_!" + Id + "!")]
    [InlineData("$a_" + Id)]
    [InlineData("%24" + Id)]
    [InlineData("t_shirt:" + Id)]
    [InlineData("c_fill%2Cw_" + Id)]
    [InlineData("if_!" + Id + "!_in_tags")]
    [InlineData("w_100,l_" + Id + ".png")]
    [InlineData("l_" + Id + ",w_100")]
    [InlineData("fl_layer_apply,g_" + Id)]
    public void What_is_evidently_a_transformation_is_no_file_name(string segment)
    {
        Refuses("no_uuid_in_file_name", Upload + segment);
        Assert.Contains("looks like a transformation", CloudinaryUrl.Parse(Upload + segment, Hosts).Error!.Message, StringComparison.Ordinal);
        Refuses("no_uuid_in_file_name", "https://res.cloudinary.com/demo/" + segment);
        Refuses("no_uuid_in_file_name", $"https://res.cloudinary.com/demo/images/{segment}/hello.jpg");
        Refuses("ambiguous_uuid", $"https://res.cloudinary.com/demo/images/{segment}/{OtherId}.jpg");
        Accepts($"https://res.cloudinary.com/demo/images/{segment}/{Id}.jpg");
    }

    [Theory]
    [InlineData("l_" + Id)]
    [InlineData("u_" + Id + ".png")]
    [InlineData("d_" + Id + ".png")]
    [InlineData("t_" + Id)]
    [InlineData("e_" + Id)]
    [InlineData("cat$_" + Id)]
    [InlineData("w_100,cat_" + Id)]
    [InlineData("fl_" + Id + ".png")]
    [InlineData("girl_a:" + Id)]
    [InlineData("cat,l_logos:" + Id)]
    [InlineData("v1_" + Id)]
    public void What_only_resembles_a_transformation_is_a_file_name(string segment) => Accepts(Upload + segment);

    [Theory]
    [InlineData(Id + "/hello.jpg")]
    [InlineData("cat_" + Id + "/" + OtherId + ".jpg")]
    [InlineData("folder/" + OtherId + "/" + Id + "/hello")]
    [InlineData("s--abcd1234--/" + Id + "/hello")]
    [InlineData("s--abcd1234--/a_0/v17/" + Id + "/hello")]
    [InlineData("l_logos:" + OtherId + "/" + Id + "/hello")]
    [InlineData("img_" + Id + "/hello")]
    [InlineData("t_" + Id + "/hello")]
    [InlineData("sam,ple_" + Id + "/hello")]
    public void In_an_seo_form_the_public_id_stands_before_the_suffix(string path)
    {
        Accepts("https://res.cloudinary.com/demo/images/" + path);
        Accepts("https://demo-res.cloudinary.com/private_images/" + path);
        Accepts("https://assets.mycoolsite.com/authenticated_images/" + path);
        Accepts("https://demo-res.cloudinary.com/demo/images/" + path.Replace(OtherId, "cat"));
    }

    [Theory]
    [InlineData("cat/" + Id + ".jpg")]
    [InlineData("v17/cat/" + Id)]
    [InlineData(Id + "/cat/hello")]
    [InlineData("my_cat/" + Id)]
    public void In_an_seo_form_the_suffix_names_no_image(string path) =>
        Refuses("no_uuid_in_file_name", "https://res.cloudinary.com/demo/images/" + path);

    [Theory]
    [InlineData("l_" + Id)]
    [InlineData("u_" + Id)]
    [InlineData("d_" + Id + ".png")]
    [InlineData("t_" + Id)]
    public void An_seo_form_that_may_begin_with_a_layer_gives_the_public_id_or_is_ambiguous(string segment)
    {
        Accepts($"https://res.cloudinary.com/demo/images/{segment}/hello.jpg");
        Refuses("ambiguous_uuid", $"https://assets.mycoolsite.com/images/{segment}/{OtherId}");
        Accepts($"https://assets.mycoolsite.com/images/folder/{segment}/{OtherId}");
    }

    [Theory]
    [InlineData("/products/images/" + Id + "/" + OtherId + ".jpg", "ambiguous_uuid")]
    [InlineData("/products/private_images/v1/" + Id + "/" + OtherId, "ambiguous_uuid")]
    [InlineData("/video/images/" + Id + "/" + OtherId, "ambiguous_uuid")]
    [InlineData("/products/images/" + Id + "/" + Id, Id)]
    [InlineData("/products/images/" + Id + "/hello", Id)]
    [InlineData("/products/images/2024/" + Id, Id)]
    [InlineData("/products/images/cat/hello", "no_uuid_in_file_name")]
    [InlineData("/products/image/upload/" + OtherId + "/" + Id, Id)]
    [InlineData("/products/iu/" + OtherId + "/" + Id, Id)]
    [InlineData("/products/videos/" + Id + "/hello", "unsupported_resource_type")]
    [InlineData("/v1/images/" + OtherId + "/" + Id + ".jpg", Id)]
    [InlineData("/v1/images/" + Id + "/cat.jpg", "no_uuid_in_file_name")]
    [InlineData("/w_300/images/" + OtherId + "/" + Id + ".jpg", Id)]
    [InlineData("/c_fill,w_300/f_auto/images/" + OtherId + "/" + Id + ".jpg", Id)]
    [InlineData("/$w_300/images/" + OtherId + "/" + Id + ".jpg", Id)]
    [InlineData("/l_text:Arial_20:" + OtherId + "/images/" + OtherId + "/" + Id + ".jpg", Id)]
    [InlineData("/if_w_gt_100/private_images/" + OtherId + "/" + Id + ".jpg", Id)]
    [InlineData("/s--abcd1234--/images/" + OtherId + "/" + Id + ".jpg", Id)]
    [InlineData("/s--abcdefghijklmnopqrstuvwxyz_-0123--/images/" + OtherId + "/" + Id, Id)]
    [InlineData("/demo/v1/images/" + OtherId + "/" + Id + ".jpg", Id)]
    public void The_first_segment_at_a_cname_is_read_as_a_cloud_name_and_as_a_folder(string path, string expected) =>
        Answers(expected, "https://assets.mycoolsite.com" + path);

    [Theory]
    [InlineData("")]
    [InlineData("s--abcd1234--/")]
    [InlineData("v17/")]
    [InlineData("s--abcd1234--/v17/")]
    [InlineData("a_0/")]
    [InlineData("s--abcd1234--/c_fill,w_300/f_auto/v17/")]
    public void An_seo_form_with_one_segment_after_signature_transformation_and_version_has_no_suffix(string before)
    {
        Accepts($"https://res.cloudinary.com/demo/images/{before}{Id}.jpg");
        Refuses("no_uuid_in_file_name", $"https://res.cloudinary.com/demo/images/{before}cat.jpg");
    }

    [Theory]
    [InlineData("x" + Id + "x", Id)]
    [InlineData("_" + Id + "_", Id)]
    [InlineData("cat-" + Id + "-1", Id)]
    [InlineData("\uff11" + Id + "\uff41", Id)]
    [InlineData("f" + Id, "no_uuid_in_file_name")]
    [InlineData(Id + "0", "no_uuid_in_file_name")]
    [InlineData(Id + "A", "no_uuid_in_file_name")]
    [InlineData("550e840-e29b-41d4-a716-446655440000", "no_uuid_in_file_name")]
    [InlineData("550e8400-e29b41d4-a716-446655440000", "no_uuid_in_file_name")]
    [InlineData("550e8400_e29b_41d4_a716_446655440000", "no_uuid_in_file_name")]
    [InlineData("550e8400\u2010e29b\u201041d4\u2010a716\u2010446655440000", "no_uuid_in_file_name")]
    [InlineData("\uff15\uff15\uff10e8400-e29b-41d4-a716-446655440000", "no_uuid_in_file_name")]
    [InlineData("+50e8400-e29b-41d4-a716-446655440000", "no_uuid_in_file_name")]
    [InlineData("g50e8400-e29b-41d4-a716-446655440000", "no_uuid_in_file_name")]
    [InlineData("ffffffff-ffff-ffff-ffff-ffffffffffff", "ffffffff-ffff-ffff-ffff-ffffffffffff")]
    [InlineData("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001")]
    [InlineData("01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a8057")]
    [InlineData(Nil, "nil_uuid")]
    [InlineData(Id + "_" + Id, "ambiguous_uuid")]
    [InlineData(Id + "-" + OtherId, "ambiguous_uuid")]
    [InlineData(Nil + "_" + Id, "ambiguous_uuid")]
    [InlineData(Nil + "_" + Nil, "ambiguous_uuid")]
    [InlineData(Id + "_550e8400e29b41d4a716446655440000", Id)]
    [InlineData(Id + "_f" + OtherId, Id)]
    public void A_file_name_holds_exactly_one_hyphenated_uuid(string fileName, string expected)
    {
        Answers(expected, Upload + fileName);
        Answers(expected, Upload + fileName + ".png");
    }

    [Theory]
    [InlineData("ftp://evil.example/video/upload/", "malformed_url")]
    [InlineData("https://evil.example/demo/video/upload/%ZZ", "malformed_url")]
    [InlineData("https://evil.example/demo/video/upload/", "host_not_allowed")]
    [InlineData("https://evil.example/../" + Id, "host_not_allowed")]
    [InlineData("https://res.cloudinary.com/demo/video/fetch/", "unsupported_resource_type")]
    [InlineData("https://res.cloudinary.com/demo/image/fetch//" + Nil, "unsupported_delivery_type")]
    [InlineData(Upload + Nil + "/", "malformed_url")]
    [InlineData(Upload + Nil, "nil_uuid")]
    public void The_first_fault_is_told(string url, string code) => Refuses(code, url);

    [Theory]
    [InlineData(Upload + "cat.png")]
    [InlineData(Upload + Id + "_" + Id)]
    [InlineData(Upload + "e_art:" + Id)]
    [InlineData(Upload + Nil)]
    [InlineData(Upload)]
    [InlineData("https://evil.example/" + Id)]
    [InlineData("https://res.cloudinary.com:81/demo/" + Id)]
    [InlineData("https://res.cloudinary.com/demo/video/upload/x")]
    [InlineData("https://res.cloudinary.com/demo/image/fetch/x")]
    [InlineData("https://res.cloudinary.com/demo/\ud83d\ude00%ZZ")]
    [InlineData("nothing")]
    public void A_refusal_says_what_is_wrong_then_what_to_do_and_never_contains_the_query(string url)
    {
        foreach (var longUrl in new[] { url, url + new string('\u00e9', 5000) })
        {
            var message = CloudinaryUrl.Parse(longUrl + "?token=opensesame", Hosts).Error!.Message;
            Assert.DoesNotContain("opensesame", message, StringComparison.Ordinal);
            Assert.Matches(@"\A[^\r\n]{20,185}\.\z", message);
            Assert.Contains(". ", message, StringComparison.Ordinal);
        }
    }

    private static TheoryData<string, string, string> Table(string file)
    {
        var rows = new TheoryData<string, string, string>();
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Images", file)))
            if (!line.StartsWith('#') && line.Split('\t') is [not "url" and var url, var expected, .. var reason])
                rows.Add(url, expected, string.Concat(reason));
        return rows;
    }

    private static string Answer(string url)
    {
        var parsed = CloudinaryUrl.Parse(url, Hosts);
        return parsed.Error is { } refusal ? "error:" + refusal.Code : parsed.ImageId.ToString();
    }

    internal static void Answers(string idOrCode, string url) =>
        Assert.Equal(Guid.TryParseExact(idOrCode, "D", out _) ? idOrCode : "error:" + idOrCode, Answer(url));

    internal static void Accepts(string url) => Assert.Equal(Id, Answer(url));

    internal static void Refuses(string code, string url) => Assert.Equal("error:" + code, Answer(url));
}
