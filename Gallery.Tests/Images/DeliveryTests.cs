using Gallery.Service.Images;
using static Gallery.Tests.Images.CloudinaryUrlTests;

namespace Gallery.Tests.Images;

/// <summary>What is said about the picture at an image's URL: its thumbnail, size and format.</summary>
public sealed class DeliveryTests
{
    private const string Fill = "c_fill,h_320,w_320/";
    private const string Original = """{"a": {"width": 7}, "width": 1600, "format": "PNG", "height": 900}""";

    [Theory]
    [InlineData("https://res.cloudinary.com/demo/image/upload/", Id + ".jpg")]
    [InlineData("http://res-3.cloudinary.com/demo/image/upload/", "v1712345678/" + Id + ".jpg")]
    [InlineData("https://RES.Cloudinary.com/demo/image/upload/", Id)]
    [InlineData("https://res.cloudinary.com:443/demo/image/upload/", "v1/ai/2024/" + Id + ".webp")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/", "AI%20Art/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/", "v1/c_fill/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/", Id + ".png?_a=BAMAROfk0#top")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/", Id + ".png?a=/s--abcd1234--/v1/")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/c_fit,w_800/", "v1/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/t_card/e_sepia/f_auto,q_auto/", Id)]
    [InlineData("https://res.cloudinary.com/demo/image/upload/c_fill%2Cw_300/", "v1/" + Id)]
    [InlineData("https://res.cloudinary.com/demo/image/upload/l_text:Arial_20:a,b%2Fc/fl_layer_apply,g_south/", Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/$w_300/if_w_gt_1000/c_scale,w_$w/if_end/", "v1/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/if_w_gt_1000,c_scale,w_300/", "v1/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/iu/", "v1/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/images/a_0/", "v1/" + Id + "/a-lighthouse.png")]
    [InlineData("https://res.cloudinary.com/demo/images/", Id + "/a-lighthouse.png")]
    [InlineData("https://res.cloudinary.com/demo/", Id)]
    [InlineData("https://res.cloudinary.com/demo/w_300/", "v1/ai/" + Id)]
    [InlineData("https://demo-res.cloudinary.com/image/upload/", "v1/" + Id + ".png")]
    [InlineData("https://demo-res.cloudinary.com/demo/image/upload/", "v1/" + Id + ".png")]
    [InlineData("https://demo-res.cloudinary.com/", "products/" + Id + ".png")]
    [InlineData("https://demo-res-2.cloudinary.com/w_300/", "products/new/" + Id + ".png")]
    [InlineData("https://res.mycoolsite.com/image/upload/", Id + ".png")]
    [InlineData("https://a2.assets.mycoolsite.com/demo/image/upload/", Id + ".png")]
    [InlineData("https://assets.mycoolsite.com/", Id + ".png")]
    [InlineData("https://assets.mycoolsite.com/", "v1/ai/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/private/", Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/private/c_scale,w_1.0/", "v123456/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/private_images/", Id + "/hello.jpg")]
    [InlineData("https://assets.mycoolsite.com/demo/image/private/", Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload//", "ai/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload//w_300/", Id + ".jpg")]
    [InlineData("https://res.cloudinary.com//demo//image//upload//w_300//", "v1//ai//" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/", "gallery/v2/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/w_300/", "a/b_c/v2/" + Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/l_logo/fl_layer_apply.tiled/", Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/l_logo/l_star/fl_layer_apply/fl_layer_apply/", Id + ".png")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/if_w_gt_1000/l_logo/fl_layer_apply/if_else/a_90/if_end/", Id + ".png")]
    public void The_thumbnail_is_a_fill_after_the_transformations_of_the_url(string before, string after) =>
        Assert.Equal($"{before}{Fill}{after}", Delivery.Of(before + after, "{}").ThumbnailUrl);

    [Theory]
    [InlineData("", Id + ".pdf")]
    [InlineData("", "v1712345678/ai/2024/" + Id + ".PSD?_a=BAMAROfk0#top")]
    [InlineData("", Id + ".ai")]
    [InlineData("", Id + ".eps")]
    [InlineData("", Id + ".ps")]
    [InlineData("", Id + ".tif")]
    [InlineData("", Id + ".tiff")]
    [InlineData("", Id + ".tga")]
    [InlineData("", Id + ".heic")]
    [InlineData("", Id + ".heif")]
    [InlineData("", Id + ".jxl")]
    [InlineData("", Id + ".jxr")]
    [InlineData("", Id + ".jp2")]
    [InlineData("", Id + ".mp4")]
    [InlineData("", Id + ".webm")]
    [InlineData("", Id + ".mov")]
    [InlineData("", Id + ".ogv")]
    [InlineData("pg_2/", "v1/" + Id + ".pdf")]
    [InlineData("t_card/", Id + ".pdf")]
    [InlineData("f_auto,q_auto/", Id + ".pdf")]
    [InlineData("f_pdf/", Id)]
    [InlineData("f_tiff/", Id + ".jpg")]
    public void Of_a_format_that_browsers_do_not_show_the_thumbnail_is_a_jpeg(string before, string after) =>
        Assert.Equal($"{Upload}{before}c_fill,f_jpg,h_320,w_320/{after}", Delivery.Of($"{Upload}{before}{after}", "{}").ThumbnailUrl);

    [Theory]
    [InlineData("", Id + ".jpeg")]
    [InlineData("", Id + ".jpe")]
    [InlineData("", Id + ".gif")]
    [InlineData("", Id + ".avif")]
    [InlineData("", Id + ".bmp")]
    [InlineData("", Id + ".ico")]
    [InlineData("", Id + ".svg")]
    [InlineData("", Id + ".v2")]
    [InlineData("", Id + ".pdf.png")]
    [InlineData("f_png/", Id + ".pdf")]
    [InlineData("f_pdf/f_webp/", Id)]
    [InlineData("", Id)]
    public void Other_formats_keep_theirs_whatever_metadata_says(string before, string after) =>
        Assert.Equal($"{Upload}{before}{Fill}{after}", Delivery.Of($"{Upload}{before}{after}", """{"format": "pdf"}""").ThumbnailUrl);

    [Theory]
    [InlineData(Id + ".djvu")]
    [InlineData(Id + ".DNG")]
    [InlineData("v1/" + Id + ".arw")]
    [InlineData(Id + ".cr2")]
    [InlineData(Id + ".cr3")]
    public void Of_a_format_that_Cloudinary_does_not_transform_there_is_none(string path) => Assert.Null(Delivery.Of(Upload + path, "{}").ThumbnailUrl);

    [Theory]
    [InlineData("https://res.cloudinary.com/demo/image/upload/s--Ai4Znfl3--/c_crop,h_20,w_10/v1234/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/s--abcdefghijklmnopqrstuvwxyz_-0123--/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/s%2D%2DAi4Znfl3--/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/w_300/s--Ai4Znfl3--/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/v1/s--Ai4Znfl3--/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/images/s--1TMilNWq--/" + Id + "/hello.jpg")]
    [InlineData("https://res.cloudinary.com/demo/s--Ai4Znfl3--/" + Id + ".jpg")]
    [InlineData("https://assets.mycoolsite.com/s--Ai4Znfl3--/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/authenticated/c_fill,w_300/v1/" + Id + ".jpg")]
    [InlineData("https://assets.mycoolsite.com/demo/image/authenticated/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/authenticated_images/" + Id + "/hello.jpg")]
    public void What_needs_a_signature_has_no_thumbnail(string url) => Assert.Null(Delivery.Of(url, "{}").ThumbnailUrl);

    [Theory]
    [InlineData("https://res.cloudinary.com/image/upload/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/fetch/https://example.com/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/facebook/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/video/upload/" + Id + ".mp4")]
    [InlineData("https://res.cloudinary.com/demo/raw/upload/" + Id + ".zip")]
    [InlineData("https://res.cloudinary.com/demo/videos/" + Id + "/cat.mp4")]
    [InlineData("https://res.cloudinary.com/demo/fetch/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image%2Fupload/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/%69mage/upload/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/w_300%2Fai/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/zz_300,w_20/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/zz_unheard/v1/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/if_w_gt_1000/l_logo/fl_layer_apply/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/if_w_gt_1000/fl_layer_apply/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/l_logo/if_w_gt_10/a_90/if_end/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/l_logo/l_star/fl_layer_apply/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/if_w_gt_1000/a_90/if_else/a_180/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/l_logo/c_scale,w_50/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/image/upload/if_w_gt_1000/c_scale,w_300/v1/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/images/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com/demo/images/w_300/" + Id + ".jpg")]
    [InlineData("https://assets.mycoolsite.com/products/" + Id + ".jpg")]
    [InlineData("https://demo-res.cloudinary.com/demo/" + Id + ".jpg")]
    [InlineData("https://assets.mycoolsite.com/products/images/" + Id + "/hello.jpg")]
    [InlineData("https://assets.mycoolsite.com/video/" + Id + ".jpg")]
    [InlineData("https://res.cloudinary.com")]
    [InlineData("https://res.cloudinary.com/")]
    [InlineData("https://res.cloudinary.com/demo/image")]
    [InlineData("cat.png")]
    [InlineData("")]
    public void Where_a_transformation_would_go_is_certain_or_there_is_no_thumbnail(string url) => Assert.Null(Delivery.Of(url, "{}").ThumbnailUrl);

    [Theory]
    [MemberData(nameof(ConformanceTable), MemberType = typeof(CloudinaryUrlTests))]
    [MemberData(nameof(SdkTable), MemberType = typeof(CloudinaryUrlTests))]
    [MemberData(nameof(ReadingsTable), MemberType = typeof(CloudinaryUrlTests))]
    public void Each_thumbnail_of_the_tables_has_the_image_s_uuid_and_none_is_of_what_needs_a_signature(string url, string expected, string reason)
    {
        var thumbnail = Delivery.Of(url, "{}").ThumbnailUrl;
        if (!Guid.TryParse(expected, out var id)) return;   // never stored

        if (url.Contains("/s--", StringComparison.Ordinal) || url.Contains("authenticated", StringComparison.Ordinal)) Assert.True(thumbnail is null, reason);
        if (thumbnail is null) return;
        Assert.Equal((id, null), (CloudinaryUrl.Parse(thumbnail, Hosts).ImageId, CloudinaryUrl.Parse(thumbnail, Hosts).Error));
        Assert.Equal(url, thumbnail.Replace(Fill, "", StringComparison.Ordinal));
    }

    [Fact]
    public void Most_urls_of_the_tables_have_a_thumbnail()
    {
        var stored = ConformanceTable().Concat(SdkTable()).Concat(ReadingsTable()).Select(row => row.Data).Where(row => Guid.TryParse(row.Item2, out _)).ToList();

        Assert.InRange(stored.Count(row => Delivery.Of(row.Item1, "{}").ThumbnailUrl is not null), stored.Count / 2, stored.Count);
    }

    [Theory]
    [InlineData("c_fill,h_200,w_300/", 300, 200)]
    [InlineData("w_300,h_200/", 300, 200)]
    [InlineData("c_scale,w_300,h_200,q_auto,g_auto/", 300, 200)]
    [InlineData("c_pad,b_white,w_300,h_200/f_auto/", 300, 200)]
    [InlineData("c_lpad,w_300,h_200/", 300, 200)]
    [InlineData("c_crop,x_10,y_10,w_300,h_200/", 300, 200)]
    [InlineData("c_thumb,g_face,w_300,h_200,dpr_1.0/", 300, 200)]
    [InlineData("t_card/c_fill,w_300,h_200/", 300, 200)]
    [InlineData("e_trim/c_fill,w_300,h_200/", 300, 200)]
    [InlineData("l_logo/c_scale,w_5,h_5/fl_layer_apply/c_fill,w_300,h_200/", 300, 200)]
    [InlineData("q_auto/f_auto/", 1600, 900)]
    [InlineData("r_max,b_black/fl_progressive/", 1600, 900)]
    [InlineData("c_fill,w_300/", null, null)]
    [InlineData("c_limit,w_300,h_200/", null, null)]
    [InlineData("c_fit,w_300,h_200/", null, null)]
    [InlineData("c_fill,w_0.5,h_0.5/", null, null)]
    [InlineData("c_fill,w_auto,h_200/", null, null)]
    [InlineData("c_fill,w_0,h_200/", null, null)]
    [InlineData("c_fill,w_$w,h_200/", null, null)]
    [InlineData("c_fill,w_300,h_200,dpr_2.0/", null, null)]
    [InlineData("c_fill,w_300,h_200/dpr_auto/", null, null)]
    [InlineData("c_fill,w_300,h_200,a_90/", null, null)]
    [InlineData("c_fill,w_300,h_200/a_90/", null, null)]
    [InlineData("c_fill,w_300,h_200/e_trim/", null, null)]
    [InlineData("c_fill,w_300,h_200/t_card/", null, null)]
    [InlineData("c_fill,w_300,h_200/l_logo/fl_layer_apply/", null, null)]
    [InlineData("l_logo/c_fill,w_300,h_200/", null, null)]
    [InlineData("if_w_gt_1000/c_fill,w_300,h_200/if_end/", null, null)]
    [InlineData("if_w_gt_1000,c_fill,w_300,h_200/", null, null)]
    [InlineData("c_crop,ar_1:1/", null, null)]
    [InlineData("zz_3,w_300/", null, null)]
    [InlineData("zz_unheard/v1/", null, null)]
    public void The_size_is_what_the_transformations_deliver_or_that_of_metadata_if_they_keep_it(string transformations, int? width, int? height)
    {
        var delivery = Delivery.Of($"{Upload}{transformations}{Id}.jpg", Original);
        Assert.Equal((width, height), (delivery.Width, delivery.Height));
    }

    [Theory]
    [InlineData(Id + ".jpg", "jpg")]
    [InlineData(Id + ".JPEG", "jpg")]
    [InlineData(Id + ".webp?a=b.gif", "webp")]
    [InlineData("f_webp/" + Id + ".jpg", "webp")]
    [InlineData("f_jpeg,q_auto/" + Id, "jpg")]
    [InlineData("f_auto/f_png/" + Id, "png")]
    [InlineData("t_card/f_png/" + Id, "png")]
    [InlineData("c_fill,w_3/" + Id, "png")]
    [InlineData(Id, "png")]
    [InlineData("v1.2/" + Id, "png")]
    [InlineData(Id + ".v2", "png")]
    [InlineData("f_auto/" + Id + ".jpg", null)]
    [InlineData("f_auto:image/" + Id + ".jpg", null)]
    [InlineData("t_card/" + Id + ".jpg", null)]
    [InlineData("f_unheard/" + Id + ".jpg", null)]
    [InlineData("fl_preserve_transparency/" + Id + ".jpg", null)]
    [InlineData("l_logo,f_png/fl_layer_apply/" + Id + ".jpg", null)]
    [InlineData("zz_3,w_300/" + Id + ".jpg", null)]
    [InlineData("if_w_gt_100/c_scale,w_100/if_end/" + Id + ".jpg", "jpg")]
    [InlineData("if_w_gt_100,c_scale,w_100/" + Id + ".jpg", "jpg")]
    [InlineData("f_webp/if_w_gt_100/a_90/if_end/" + Id + ".jpg", "webp")]
    [InlineData("if_w_gt_100/a_90/if_end/f_webp/" + Id + ".jpg", "webp")]
    [InlineData("if_w_gt_100/f_webp/if_end/" + Id + ".jpg", null)]
    [InlineData("if_w_gt_100/a_90/if_else/f_webp/if_end/" + Id + ".jpg", null)]
    [InlineData("if_w_gt_100,f_webp/" + Id + ".jpg", null)]
    [InlineData("f_webp,if_w_gt_100/" + Id + ".jpg", null)]
    [InlineData("if_w_gt_100/t_card/if_end/" + Id + ".jpg", null)]
    public void The_format_is_that_of_the_transformation_then_the_extension_then_metadata(string path, string? format) =>
        Assert.Equal(format, Delivery.Of(Upload + path, Original).Format);

    [Fact]
    public void An_seo_suffix_has_the_format_and_a_signed_url_its_size()
    {
        Assert.Equal($"https://res.cloudinary.com/demo/images/c_fill,f_jpg,h_320,w_320/{Id}/a.pdf", Delivery.Of($"https://res.cloudinary.com/demo/images/{Id}/a.pdf", Original).ThumbnailUrl);
        Assert.Equal("gif", Delivery.Of($"https://res.cloudinary.com/demo/images/{Id}/a.gif", Original).Format);
        Assert.Equal(new Delivery(null, 300, 200, "jpg"), Delivery.Of($"{Upload}s--Ai4Znfl3--/c_fill,w_300,h_200/v1/{Id}.jpg", Original));
    }

    [Theory]
    [InlineData("""{"width": 1600, "height": 900}""", 1600, 900, null)]
    [InlineData("""{"width": 1600}""", 1600, null, null)]
    [InlineData("""{"width": "1600", "height": 900.5, "format": 5}""", null, null, null)]
    [InlineData("""{"width": 0, "height": -1, "format": ""}""", null, null, null)]
    [InlineData("""{"width": 1e99, "height": 99999999999, "format": "portrait"}""", null, null, null)]
    [InlineData("""{"width": {"width": 3}, "height": [1], "format": ["jpg"]}""", null, null, null)]
    [InlineData("""{"size": {"width": 3, "height": 4, "format": "jpg"}}""", null, null, null)]
    [InlineData("""{"note": "\"width\": 5", "height": 4, "format": "jpeg"}""", null, 4, "jpg")]
    [InlineData("""{"Width": 3, "wide": "width"}""", null, null, null)]
    [InlineData("{}", null, null, null)]
    public void Of_metadata_only_whole_numbers_and_known_formats_count_and_no_inner_objects(string metadata, int? width, int? height, string? format) =>
        Assert.Equal((width, height, format), (Delivery.Of(Upload + Id, metadata).Width, Delivery.Of(Upload + Id, metadata).Height, Delivery.Of(Upload + Id, metadata).Format));

    [Fact]
    public void Little_more_than_the_text_of_the_thumbnail_is_allocated()
    {
        var url = $"{Upload}c_fit,f_auto,q_auto:eco,w_800/v1712345678/ai/2024/{Id}.jpg";
        Delivery.Of(url, Original);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) Delivery.Of(url, Original);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 100 * (2 * (url.Length + Fill.Length) + 256));   // code that is not optimized boxes a little
    }
}
