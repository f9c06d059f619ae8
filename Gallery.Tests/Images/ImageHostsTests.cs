using Gallery.Service.Images;
using Gallery.Sql.Database;
using Gallery.Tests.Settings;
using Microsoft.Extensions.Configuration;
using static Gallery.Tests.Images.CloudinaryUrlTests;

namespace Gallery.Tests.Images;

/// <summary>Whose hosts are taken, and whether a cloud name comes first on them.</summary>
public sealed class ImageHostsTests
{
    [Theory]
    [InlineData("https://res.cloudinary.com/mine/image/upload/ID.png", null)]
    [InlineData("https://res.cloudinary.com//mine/image/upload/ID.png", null)]
    [InlineData("https://RES-3.cloudinary.com/m%69ne/ID.png", null)]
    [InlineData("https://res.cloudinary.com/my_2nd-cloud/images/ID/seo.png", null)]
    [InlineData("https://mine-res.cloudinary.com/image/upload/ID.png", null)]
    [InlineData("https://MINE-res-2.cloudinary.com/ID.png", null)]
    [InlineData("https://assets.example.com/any/image/upload/ID.png", null)]
    [InlineData("https://res.cloudinary.com/theirs/image/upload/ID.png", "theirs")]
    [InlineData("https://res.cloudinary.com/theirs/mine/ID.png", "theirs")]
    [InlineData("https://res.cloudinary.com/Mine/image/upload/ID.png", "Mine")]
    [InlineData("https://res.cloudinary.com/mine2/image/upload/ID.png", "mine2")]
    [InlineData("https://res.cloudinary.com/image/upload/ID.png", "image")]
    [InlineData("https://theirs-res.cloudinary.com/image/upload/ID.png", "theirs")]
    [InlineData("https://theirs-res.cloudinary.com/mine/image/upload/ID.png", "theirs")]
    public void Only_the_settings_clouds_are_allowed_on_cloudinarys_hosts(string url, string? refused)
    {
        var hosts = ImageHosts.From(Given.Settings("GALLERY_CLOUD_NAMES=mine, my_2nd-cloud", "GALLERY_IMAGE_HOSTS=assets.example.com"));
        var error = CloudinaryUrl.Parse(url.Replace("ID", "8d76bd3a-4ffb-4caa-8f7a-0b8b4d0f2a5e", StringComparison.Ordinal), hosts).Error;

        if (refused is null) Assert.Null(error);
        else Assert.Equal(("cloud_not_allowed", $"The cloud '{refused}' is not allowed here. Use your own cloud or add it to GALLERY_CLOUD_NAMES."), (error!.Code, error.Message));
    }

    [Theory]
    [InlineData("res.cloudinary.com")]
    [InlineData("my/cloud")]
    [InlineData("wölke")]
    public void A_cloud_name_that_is_none_is_an_error(string name) =>
        Assert.Contains("GALLERY_CLOUD_NAMES", Assert.Throws<SettingsException>(() => ImageHosts.Parse(null, $"good,{name}")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("https://res.cloudinary.com:443/demo/" + Id)]
    [InlineData("https://res.cloudinary.com:/demo/" + Id)]
    [InlineData("http://res.cloudinary.com:80/demo/" + Id)]
    public void The_schemes_own_port_is_no_other_host(string url) => Accepts(url);

    [Theory]
    [InlineData("https://res.cloudinary.com:80/demo/" + Id)]
    [InlineData("http://res.cloudinary.com:443/demo/" + Id)]
    [InlineData("https://res.cloudinary.com:8443/demo/" + Id)]
    [InlineData("https://res.cloudinary.com:0/demo/" + Id)]
    [InlineData("https://res.cloudinary.com:99999999999999999999443/demo/" + Id)]
    public void Another_port_is_another_host(string url) => Refuses("host_not_allowed", url);

    [Theory]
    [InlineData("res.cloudinary.com/demo")]
    [InlineData("res-1.cloudinary.com/demo")]
    [InlineData("res-5.cloudinary.com/demo")]
    [InlineData("my-cloud-res.cloudinary.com")]
    [InlineData("7up-res-1.cloudinary.com")]
    [InlineData("my-cloud-res-5.cloudinary.com")]
    [InlineData("assets.mycoolsite.com")]
    [InlineData("a1.assets.mycoolsite.com")]
    [InlineData("a5.assets.mycoolsite.com/demo")]
    public void Cloudinarys_hosts_and_the_configured_names_are_allowed_with_their_shards(string hostAndCloud) =>
        Accepts($"https://{hostAndCloud}/image/upload/{Id}.png");

    [Theory]
    [InlineData("cloudinary.com")]
    [InlineData("api.cloudinary.com")]
    [InlineData("res-0.cloudinary.com")]
    [InlineData("res-6.cloudinary.com")]
    [InlineData("res-12.cloudinary.com")]
    [InlineData("res1.cloudinary.com")]
    [InlineData("-res.cloudinary.com")]
    [InlineData("my_cloud-res.cloudinary.com")]
    [InlineData("my.cloud-res.cloudinary.com")]
    [InlineData("demo-res-6.cloudinary.com")]
    [InlineData("res.cloudinary.com.")]
    [InlineData("res.cloudinary.com.evil.example")]
    [InlineData("res.cloudinary.comevil")]
    [InlineData("evilres.cloudinary.com")]
    [InlineData("x.res.cloudinary.com")]
    [InlineData("resxcloudinary.com")]
    [InlineData("res%2Ecloudinary.com")]
    [InlineData("res.cloudinary.com%2F.evil.example")]
    [InlineData("res.cloudinary.com%00.evil.example")]
    [InlineData("res.cloudınary.com")]
    [InlineData("res.cloudinary\u3002com")]
    [InlineData("\u212A-res.cloudinary.com")]
    [InlineData("mycoolsite.com")]
    [InlineData("a0.assets.mycoolsite.com")]
    [InlineData("a6.assets.mycoolsite.com")]
    [InlineData("a1.a1.assets.mycoolsite.com")]
    [InlineData("b1.assets.mycoolsite.com")]
    [InlineData("x.assets.mycoolsite.com")]
    [InlineData("assets.mycoolsite.com.")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    public void Any_other_host_is_not_allowed(string host) => Refuses("host_not_allowed", $"https://{host}/demo/image/upload/{Id}.png");

    [Theory]
    [InlineData("https://res.cloudinary.com/demo/" + Id, Id)]
    [InlineData("https://res.cloudinary.com/image/upload/" + Id, Id)]
    [InlineData("https://res.cloudinary.com/image/fetch/" + Id, "unsupported_delivery_type")]
    [InlineData("https://res.cloudinary.com/video/upload/" + Id, "unsupported_resource_type")]
    [InlineData("https://res.cloudinary.com/raw/upload/" + Id, "unsupported_resource_type")]
    [InlineData("https://res.cloudinary.com/image/" + Id, Id)]
    [InlineData("https://res.cloudinary.com/image/image/upload/" + Id, Id)]
    [InlineData("https://res.cloudinary.com/images/" + Id + "/hello", "no_uuid_in_file_name")]
    [InlineData("https://res.cloudinary.com/iu/iu/" + Id, Id)]
    [InlineData("https://res.cloudinary.com/" + Id + ".png", "malformed_url")]
    public void A_shared_host_has_a_cloud_name_first_unless_the_types_stand_there(string url, string expected) =>
        Answers(expected, url);

    [Theory]
    [InlineData("https://demo-res.cloudinary.com/" + Id, Id)]
    [InlineData("https://demo-res.cloudinary.com/iu/" + Id, Id)]
    [InlineData("https://demo-res.cloudinary.com/folder/images/" + Id + "/hello", "no_uuid_in_file_name")]
    [InlineData("https://demo-res.cloudinary.com/images/" + Id + "/hello", Id)]
    [InlineData("https://demo-res.cloudinary.com/videos/" + Id + "/hello", "unsupported_resource_type")]
    [InlineData("https://demo-res.cloudinary.com/demo/video/upload/" + Id + ".mp4", "unsupported_resource_type")]
    [InlineData("https://demo-res.cloudinary.com/demo/raw/private/" + Id, "unsupported_resource_type")]
    [InlineData("https://demo-res.cloudinary.com/demo/image/fetch/" + Id, "unsupported_delivery_type")]
    [InlineData("https://demo-res.cloudinary.com/images/image/upload/" + Id + "/hello", "no_uuid_in_file_name")]
    [InlineData("https://demo-res.cloudinary.com/demo/image/upload/" + Id, Id)]
    [InlineData("https://demo-res-2.cloudinary.com/demo/images/" + Id + "/hello", Id)]
    [InlineData("https://demo-res.cloudinary.com/demo/images/" + Id + "/" + OtherId, "ambiguous_uuid")]
    [InlineData("https://demo-res.cloudinary.com/folder/images/" + OtherId + "/" + Id, Id)]
    [InlineData("https://demo-res.cloudinary.com/v1/images/" + OtherId + "/" + Id, Id)]
    [InlineData("https://demo-res.cloudinary.com/demo/video/Upload/" + Id, Id)]
    [InlineData("https://demo-res.cloudinary.com/a/demo/video/upload/" + Id, Id)]
    public void A_private_cdn_host_has_a_cloud_name_only_before_the_types_or_if_the_host_contains_it(string url, string expected) => Answers(expected, url);

    [Theory]
    [InlineData("/" + Id, Id)]
    [InlineData("/demo/" + Id, Id)]
    [InlineData("/iu/" + Id, Id)]
    [InlineData("/demo/iu/" + Id, Id)]
    [InlineData("/images/" + Id + "/hello", Id)]
    [InlineData("/demo/images/" + Id + "/hello", Id)]
    [InlineData("/image/fetch/" + Id, "unsupported_delivery_type")]
    [InlineData("/demo/image/fetch/" + Id, "unsupported_delivery_type")]
    [InlineData("/video/upload/" + Id, "unsupported_resource_type")]
    [InlineData("/video/image/upload/" + Id, Id)]
    [InlineData("/images/files/" + Id + "/hello", Id)]
    [InlineData("/demo/video/upload/" + Id, "unsupported_resource_type")]
    public void A_cname_has_a_cloud_name_or_none(string path, string expected) =>
        Answers(expected, "https://assets.mycoolsite.com" + path);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" , ")]
    public void Without_the_setting_cloudinarys_own_hosts_are_allowed_alone(string? setting)
    {
        var hosts = ImageHosts.Parse(setting);
        Assert.Equal(ImageHost.Shared, hosts.Find("res.cloudinary.com"));
        Assert.Equal(ImageHost.PrivateCdn, hosts.Find("demo-res.cloudinary.com"));
        Assert.Null(hosts.Find("assets.mycoolsite.com"));
        Assert.Null(hosts.Find(""));
    }

    [Fact]
    public void The_setting_is_read_by_its_name()
    {
        var settings = new ConfigurationBuilder()
            .AddInMemoryCollection([new("GALLERY_IMAGE_HOSTS", "img.example.com")])
            .Build();
        Assert.Equal(ImageHost.Cname, ImageHosts.From(settings).Find("img.example.com"));
    }

    [Fact]
    public void The_setting_takes_commas_and_white_space_and_any_case()
    {
        var hosts = ImageHosts.Parse(" Assets.MyCoolSite.com,img.example.com\timg2.example.com , xn--bcher-kva.example\n");
        foreach (var host in new[] { "assets.mycoolsite.com", "IMG.example.com", "a3.img2.example.com", "xn--bcher-kva.example" })
        {
            Assert.Equal(ImageHost.Cname, hosts.Find(host));
        }
    }

    [Theory]
    [InlineData("https://assets.example.com")]
    [InlineData("assets.example.com/demo")]
    [InlineData("assets.example.com:443")]
    [InlineData("*.example.com")]
    [InlineData("assets.example.com.")]
    [InlineData(".example.com")]
    [InlineData("assets..example.com")]
    [InlineData("-assets.example.com")]
    [InlineData("assets-.example.com")]
    [InlineData("my_assets.example.com")]
    [InlineData("bücher.example")]
    [InlineData("10.0.0.1")]
    [InlineData("[::1]")]
    [InlineData("a.example;b.example")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example")]
    public void A_setting_entry_that_is_no_host_name_is_refused_with_its_position(string entry)
    {
        var error = Assert.Throws<SettingsException>(() => ImageHosts.Parse($"good.example, {entry}"));
        Assert.StartsWith("GALLERY_IMAGE_HOSTS: entry 2 ", error.Message, StringComparison.Ordinal);
    }
}
